package workerpool

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// begin takes a task in hand, from which on no READY is said, and makes its
// context. It returns an error, with which the task is to be answered, when the
// pool has given up.
func (w *worker) begin(attempt string) (context.Context, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = true
	if w.over != nil {
		return nil, &Error{Code: mesh.CodeUnavailable, Text: w.over.Error()}
	}
	// The parent never ends: there is nothing that all workers have to lock for
	// each task. Who ends all contexts goes from worker to worker.
	ctx, cancel := context.WithCancelCause(w.pool.values)
	w.attempt, w.cancel = attempt, cancel
	// Not before the attempt can be seen: pool.cancel does both the other way round.
	if why := w.pool.early.take(attempt); why != nil {
		cancel(why)
	}
	return ctx, nil
}

// finish ends the context of the task in hand, if it began.
func (w *worker) finish() {
	w.mu.Lock()
	cancel := w.cancel
	w.attempt, w.cancel = "", nil
	w.mu.Unlock()
	if cancel != nil {
		cancel(nil)
	}
}

// giveUp ends the context of the task in hand, and no other begins.
func (w *worker) giveUp(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over != nil {
		return
	}
	w.over = cause
	if w.cancel != nil {
		w.cancel(cause)
	}
}

// giveUp has all workers give up.
func (p *pool) giveUp(cause error) {
	for _, w := range p.workers {
		w.giveUp(cause)
	}
}

// cancel takes the node's word that a task counts no more, and ends its context
// unless it is done. All workers are told by one subject: few are. The task may
// not have begun: it waits in its worker's inbox, or, after a stall, both are read
// at once.
func (p *pool) cancel(m *nats.Msg) {
	attempt := m.Header.Get(mesh.HeaderAttempt)
	if attempt == "" {
		return
	}
	code, _ := strconv.Atoi(m.Header.Get(mesh.HeaderErrorCode)) // 0 is sent as mesh.CodeFailed
	why := &Error{Code: mesh.Code(code), Text: "the node gave the task up: " + m.Header.Get(mesh.HeaderError)}
	p.early.put(attempt, why) // before any worker is looked at: one that begins it now finds it
	for _, w := range p.workers {
		w.mu.Lock()
		cancel := w.cancel
		if w.attempt != attempt {
			cancel = nil
		}
		w.mu.Unlock()
		if cancel != nil {
			cancel(why)
			_ = p.early.take(attempt) // it has begun
			return
		}
	}
}

// early holds the last attempts that the node gave up and no worker had begun.
// Some of them never begin: they were answered a moment before.
type early struct {
	some atomic.Int32 // how many there are; while there are none tasks pay no more than a look
	mu   sync.Mutex
	ring [64]givenUp
	next int
}

// givenUp is an attempt that counts no more; without a why there is none.
type givenUp struct {
	attempt string
	why     error
	said    time.Time
}

// earlyFor is how long it is kept. Its task is in an inbox by then, and for a stall
// not read; or it never comes.
const earlyFor = time.Minute

func (e *early) put(attempt string, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ring[e.next].why == nil {
		e.some.Add(1)
	}
	e.ring[e.next] = givenUp{attempt, why, time.Now()}
	e.next = (e.next + 1) % len(e.ring)
}

// take returns why an attempt counts no more, and forgets it; nil: it counts.
func (e *early) take(attempt string) error {
	if e.some.Load() == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var why error
	for i, g := range e.ring {
		switch {
		case g.why == nil:
			continue
		case g.attempt == attempt:
			why = g.why
		case time.Since(g.said) < earlyFor:
			continue
		}
		e.ring[i] = givenUp{}
		e.some.Add(-1)
	}
	return why
}
