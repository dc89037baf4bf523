package workerpool

import (
	"context"

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
	why := &Error{Code: mesh.ParseCode(m.Header.Get(mesh.HeaderErrorCode)), Text: "the node gave the task up: " + m.Header.Get(mesh.HeaderError)}
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
