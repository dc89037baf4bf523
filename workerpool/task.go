package workerpool

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// Task is one task that the node gave to a worker. It belongs to the handler:
// the pool keeps nothing of it and does not use it again.
type Task struct {
	Service string      // the pool's; "" is the default service
	Data    []byte      // the client's payload
	Header  nats.Header // the client's headers and mesh.HeaderTimeout; nil if there are none
	Attempt string      // the node's token for this dispatch; another try of the task has another

	limit int // of the answer, in bytes; 0: not known
}

// Handler does tasks. A pool calls it from all its workers at once.
type Handler interface {
	// Handle does one task and returns the body of its answer, which may be
	// empty and must not be changed afterwards, or an error: an *Error, wrapped
	// or not, is answered with its code and text, any other with
	// mesh.CodeFailed and its message. A panic is answered as an error too, and
	// the worker goes on. Exactly one answer is sent, however late; a body larger
	// than the server's limit is replaced by an error that says so.
	//
	// ctx ends at the client's deadline, if it set one, and when the node has given
	// the task up; the cause is then an *Error that says why. It outlives the context
	// of Run, whose values it has, by Config.DrainTimeout, so that a task in
	// hand is finished; and it ends when the connection is closed for good.
	// context.Cause tells which it was. It is not for use after Handle returned.
	Handle(ctx context.Context, t *Task) ([]byte, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, t *Task) ([]byte, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, t *Task) ([]byte, error) { return f(ctx, t) }

// timeout returns how long the task's client will wait from now; ok is false
// if it set no deadline.
func (t *Task) timeout() (left time.Duration, ok bool, err error) {
	v, ok := t.Header[mesh.HeaderTimeout]
	if !ok || len(v) == 0 {
		return 0, false, nil
	}
	left, err = mesh.ParseTimeout(v[0])
	return left, err == nil, err
}
