package dispatch

import (
	"slices"
	"time"
)

// A task whose client has gone is not started: nobody wants its answer. But a
// client that lost its connection may be back with the same reply subject, so
// its task is set aside first, out of the line, and looked at again in a while.
const (
	absentLook = 100 * time.Millisecond
	absentMost = 5 * time.Second // a plain NATS client is back after 2
)

// present reports whether a client waits for the answer of a task, its own or,
// of a request that was repeated, one that joined it. Of a request that has only
// just come nobody asks, nor of a guest: its origin did.
func (c *Core) present(now time.Duration, t *task) bool {
	if t.arrived == now || t.guest || c.cfg.Present == nil || c.cfg.Present(t.message) {
		return true
	}
	if t.repeat != nil {
		for _, follower := range t.repeat.joined {
			if follower.arrived == now || c.cfg.Present(follower.message) {
				return true
			}
		}
	}
	return false
}

// setAside keeps a task that is nowhere and whose client is absent, unless that
// cannot be back.
func (c *Core) setAside(now time.Duration, t *task, fx []Effect) []Effect {
	if c.gone(t) {
		return c.forget(now, t, fx)
	}
	t.place, t.queued = absent, now
	c.waiting++
	c.hold(t)
	c.lookAgain(now, t)
	return fx
}

// gone reports whether the client of a task, and of those that joined it, cannot be
// back.
func (c *Core) gone(t *task) bool {
	if c.cfg.Gone == nil || !c.cfg.Gone(t.message) {
		return false
	}
	return t.repeat == nil || !slices.ContainsFunc(t.repeat.joined, func(follower *task) bool { return !c.cfg.Gone(follower.message) })
}

// lookAgain has an absent client's task looked at in a while.
func (c *Core) lookAgain(now time.Duration, t *task) {
	due := min(now+absentLook, t.queued+absentMost)
	if t.deadline > 0 {
		due = min(due, t.deadline)
	}
	c.due.set(t, due)
}

// stillAbsent keeps a task whose client is not back, or drops it, and all that
// joined it, once it has been gone for long enough.
func (c *Core) stillAbsent(now time.Duration, t *task, fx []Effect) []Effect {
	if now < t.queued+absentMost && (t.deadline == 0 || now < t.deadline) {
		c.lookAgain(now, t)
		return fx
	}
	return c.forget(now, t, fx)
}

// forget drops a task whose client is absent, and all that joined it.
func (c *Core) forget(now time.Duration, t *task, fx []Effect) []Effect {
	if r := t.repeat; r != nil {
		for len(r.joined) > 0 {
			fx = c.drop(now, r.joined[0], fx)
		}
		delete(c.dedup.byKey, r.key)
	}
	return c.drop(now, t, fx)
}

func (c *Core) drop(now time.Duration, t *task, fx []Effect) []Effect {
	fx = append(fx, Effect{Do: Drop, Task: t.message, Service: t.service.name})
	c.stats.Dropped++
	c.end(now, t)
	return fx
}

// welcome takes a task up again whose client is back.
func (c *Core) welcome(now time.Duration, t *task, fx []Effect) []Effect {
	c.takeBack(t)
	t.waitEnd = now + c.cfg.QueueTimeout
	return c.settle(now, t, fx)
}
