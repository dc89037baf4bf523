package workerpool

import (
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// begin takes a task in hand, from which on no READY is said. It returns an error,
// with which the task is to be answered, when the pool has given up.
func (w *worker) begin(attempt string, ctx *taskContext) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = true
	if w.over != nil {
		return &Error{Code: mesh.CodeUnavailable, Text: w.over.Error()}
	}
	w.attempt, w.ctx = attempt, ctx
	return nil
}

// finish ends the context of the task in hand, which began.
func (w *worker) finish() {
	w.mu.Lock()
	ctx := w.ctx
	w.attempt, w.ctx = "", nil
	w.mu.Unlock()
	ctx.cancel(nil)
}

// giveUp ends the context of the task in hand, and no other begins.
func (w *worker) giveUp(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over != nil {
		return
	}
	w.over = cause
	if w.ctx != nil {
		w.ctx.cancel(cause)
	}
}

// giveUp has all workers give up.
func (p *pool) giveUp(cause error) {
	for _, w := range p.workers {
		w.giveUp(cause)
	}
}

// cancel takes the node's word that a task counts no more, and ends its context
// unless it is done. All workers are told by one subject: few are.
func (p *pool) cancel(m *nats.Msg) {
	attempt := m.Header.Get(mesh.HeaderAttempt)
	if attempt == "" {
		return
	}
	for _, w := range p.workers {
		w.mu.Lock()
		ctx := w.ctx
		if w.attempt != attempt {
			ctx = nil
		}
		w.mu.Unlock()
		if ctx != nil {
			code, _ := strconv.Atoi(m.Header.Get(mesh.HeaderErrorCode)) // 0 is sent as mesh.CodeFailed
			ctx.cancel(&Error{Code: mesh.Code(code), Text: "the node gave the task up: " + m.Header.Get(mesh.HeaderError)})
			return
		}
	}
}
