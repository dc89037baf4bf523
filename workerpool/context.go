package workerpool

import (
	"context"
	"sync"
	"time"
)

// taskContext is the context of one task. Most handlers are done before they ask it
// for anything, so what it costs to make one is spent when they do.
type taskContext struct {
	values context.Context // what it is made of; it does not end

	mu    sync.Mutex
	made  context.Context         // nil: nobody has asked
	end   context.CancelCauseFunc // of made
	ended bool
	cause error
}

// context returns what is behind, which is a context of the library: those that
// are derived from it find it by Value, as they do with any other.
func (c *taskContext) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made, c.end = context.WithCancelCause(c.values)
		if c.ended {
			c.end(c.cause)
		}
	}
	return c.made
}

// cancel ends the context; nil is context.Canceled. Only the first cause counts.
func (c *taskContext) cancel(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return
	case c.made != nil:
		c.end(cause)
	}
	c.ended, c.cause = true, cause
}

func (c *taskContext) Deadline() (time.Time, bool) { return c.values.Deadline() }
func (c *taskContext) Done() <-chan struct{}       { return c.context().Done() }
func (c *taskContext) Err() error                  { return c.context().Err() }
func (c *taskContext) Value(key any) any           { return c.context().Value(key) }
