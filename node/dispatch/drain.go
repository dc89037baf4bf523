package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Drain begins the end: capacity 0 is announced at once, guests are returned,
// new tasks go to peers or are refused. When the tasks that there were are done,
// new ones are refused in any case: a node that goes on passing them on would
// never be done.
func (c *Core) Drain(now time.Duration) {
	c.draining = true
	for _, t := range c.tasks.all {
		if t.place != nowhere && !t.last {
			t.last = true
			c.last++
		}
	}
	c.announcer.ForAll(now)
}

// Drained reports whether every task has been answered.
func (c *Core) Drained() bool { return len(c.tasks.free) == len(c.tasks.all) }

// Shut refuses all that comes from now on, also with workers idle: what they were
// given would not be waited for. Close follows.
func (c *Core) Shut() { c.draining, c.leaving = true, true }

// Close ends what Drain began: the tasks that are left are answered with an
// error, guests are returned, and the goodbye is announced.
func (c *Core) Close(now time.Duration, fx []Effect) []Effect {
	c.Shut()
	for _, t := range c.tasks.all {
		switch {
		case t.place == nowhere:
		case t.guest:
			fx = c.refuse(now, t, mesh.CodeUnavailable, "node "+c.cfg.Name+" is shutting down", fx)
		default:
			fx = c.refuse(now, t, mesh.CodeUnavailable, "node "+c.cfg.Name+" shut down before the task was done", fx)
		}
	}
	c.announcer.ForAll(now)
	return c.announce(now, fx)
}
