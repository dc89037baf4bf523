package workerpool

import (
	"context"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// cancels takes the node's word that a task counts no more, for all workers of
// a pool, and ends the context of its handler.
type cancels struct {
	sub *nats.Subscription

	mu      sync.Mutex
	running map[string]context.CancelCauseFunc // by attempt
}

// listen subscribes to a subject of the pool's own.
func (c *cancels) listen(nc *nats.Conn) (err error) {
	c.running = make(map[string]context.CancelCauseFunc)
	c.sub, err = nc.Subscribe(nc.NewInbox(), c.receive)
	return err
}

// stop ends what listen began, if it did.
func (c *cancels) stop() {
	if c.sub != nil {
		_ = c.sub.Unsubscribe() // fails if the connection is closed: then it has ended
	}
}

// begin returns the context of a task, and what to call when it is done.
func (c *cancels) begin(parent context.Context, attempt string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[attempt] = cancel
	return ctx, func() {
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, attempt)
	}
}

// receive cancels the task that a message names, unless it is done.
func (c *cancels) receive(m *nats.Msg) {
	c.mu.Lock()
	cancel := c.running[m.Header.Get(mesh.HeaderAttempt)]
	c.mu.Unlock()
	if cancel != nil {
		code, _ := strconv.Atoi(m.Header.Get(mesh.HeaderErrorCode)) // 0 is sent as mesh.CodeFailed
		cancel(&Error{Code: mesh.Code(code), Text: "the node gave the task up: " + m.Header.Get(mesh.HeaderError)})
	}
}
