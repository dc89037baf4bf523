package dispatch

import (
	"strconv"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// takeBack takes a task from where it is. A worker that had it is stuck: it
// gets no other until it answers. A peer that had it is not charged for it.
func (c *Core) takeBack(t *task) {
	switch t.place {
	case waiting, absent:
		if t.place == waiting {
			t.service.queue.remove(t)
		}
		c.waiting--
		c.letGo(t)
	case running:
		t.worker.task, t.worker = nil, nil
	case away:
		t.peer.Answered(t.service.name, t.number)
		t.peer, t.attempt = nil, mesh.Attempt{}
		c.away--
	case joined:
		c.unjoin(t)
	}
	t.place = nowhere
}

// lost counts a worker or peer that died, or timed out, with a task that is
// nowhere now, and tries again unless that was too often.
func (c *Core) lost(now time.Duration, t *task, fx []Effect) []Effect {
	c.stats.Lost++
	t.losses++
	if t.losses >= c.cfg.MaxAttempts {
		return c.refuse(now, t, mesh.CodeFailed, "given up after "+strconv.Itoa(t.losses)+" attempts that were lost with their workers", fx)
	}
	t.waitEnd = now + c.cfg.QueueTimeout
	return c.again(now, t, fx)
}

// again finds the next place for a task that came back undone. A guest that no
// idle worker here can take goes back to its origin, which may know another.
func (c *Core) again(now time.Duration, t *task, fx []Effect) []Effect {
	if t.guest && t.service.idle.head == nil {
		return c.giveBack(now, t, "no idle worker", fx)
	}
	return c.settle(now, t, fx)
}

// refuse answers a task with an error, wherever it is. What becomes of a guest
// is for its origin to say.
func (c *Core) refuse(now time.Duration, t *task, code mesh.Code, reason string, fx []Effect) []Effect {
	fx = c.cancel(t, code, reason, fx)
	if t.guest {
		return c.giveBack(now, t, reason, fx)
	}
	fx = append(fx, Effect{Do: Refuse, Task: t.message, Code: code, Reason: reason})
	c.stats.Refused++
	r, leads := t.repeat, t.repeat != nil && t.place != joined
	var waitEnd time.Duration
	if t.place == waiting {
		waitEnd = t.waitEnd
	}
	c.end(now, t)
	if !leads || c.leaving {
		return fx
	}
	for code == mesh.CodeFailed && len(r.joined) > 0 { // the same task, that takes workers along
		fx = c.refuse(now, r.joined[0], code, reason, fx)
	}
	return c.succeed(now, r, waitEnd, fx)
}

// cancel tells the worker of a running task that it works in vain, if that one
// wants to know.
func (c *Core) cancel(t *task, code mesh.Code, reason string, fx []Effect) []Effect {
	if t.place != running || t.worker.cancel == "" {
		return fx
	}
	return append(fx, Effect{Do: Cancel, To: t.worker.cancel, Attempt: t.worker.attempt, Code: code, Reason: reason})
}

// giveBack returns a guest to its origin undone.
func (c *Core) giveBack(now time.Duration, t *task, reason string, fx []Effect) []Effect {
	fx = append(fx, Effect{Do: Return, Guest: true, Task: t.message, To: t.origin, Service: t.service.name, Reason: reason, Losses: t.losses})
	c.stats.GuestsBack++
	c.end(now, t)
	return fx
}

// end forgets a task that was answered.
func (c *Core) end(now time.Duration, t *task) {
	origin, s := t.attempt, t.service // before takeBack clears them
	c.takeBack(t)
	c.due.set(t, 0)
	if t.guest {
		delete(c.guests, origin)
		s.guests--
	}
	s.tasks--
	if t.last {
		c.last--
	}
	c.tasks.release(t)
	c.services.tidy(s)
	c.changed(now)
}
