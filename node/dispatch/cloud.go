package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Guest takes a task that a peer delegates. An idle worker gets it at once. Else
// it is queued, if it waits here no longer than it would at its origin; or it
// goes straight back, so that its origin can do better.
func (c *Core) Guest(now time.Duration, d mesh.Delegation, message any, fx []Effect) []Effect {
	if _, twice := c.guests[d.Attempt]; twice {
		c.stats.Fenced++
		return fx
	}
	s := c.services.get(d.Service)
	s.taken.Add(now)
	if p := c.peers.Find(d.Origin); p != nil && p.Incarnation == d.Incarnation {
		p.Took(d.Number)
	}
	if reason := c.closedToGuest(now, s, d); reason != "" {
		c.services.tidy(s)
		c.stats.GuestsBack++
		return append(fx, Effect{Do: Return, Guest: true, Task: message, To: d.Origin, Service: d.Service, Reason: reason, Losses: d.Losses})
	}
	t := c.tasks.take()
	t.service, t.message, t.guest, t.here = s, message, true, true
	t.origin, t.originRun, t.from = d.Origin, d.Incarnation, d.Origin
	t.attempt, t.losses = d.Attempt, d.Losses
	t.arrived = now - d.Age - c.peers.RoundTripTo(d.Origin) // its way there and back counts
	t.waitEnd = now + c.cfg.QueueTimeout
	if d.Left > 0 {
		t.deadline = now + d.Left
	}
	s.tasks++
	s.guests++
	c.guests[d.Attempt] = t
	c.stats.Guests++
	return c.settle(now, t, fx)
}

// closedToGuest returns why a peer's task is given back at once, "" if it is not.
func (c *Core) closedToGuest(now time.Duration, s *service, d mesh.Delegation) string {
	switch {
	case c.draining:
		return "node " + c.cfg.Name + " is shutting down"
	case s.idle.head != nil:
		return ""
	case c.full(d.Origin) != "" || !c.home(now, s).Accepts(d.Patience, c.peers.RoundTripTo(d.Origin)):
		return "no idle worker"
	}
	return ""
}

// delegated returns the task that is away under the attempt, nil if none is.
func (c *Core) delegated(a mesh.Attempt) *task {
	if int64(a.Slot) >= int64(len(c.tasks.all)) {
		return nil
	}
	if t := c.tasks.all[a.Slot]; t.place == away && t.attempt == a {
		return t
	}
	return nil
}

// orphan drops the guests of a peer that is gone: nobody waits for their answers.
// Those that wait leave the queue; who runs one is told to stop.
func (c *Core) orphan(now time.Duration, p *mesh.Peer, fx []Effect) []Effect {
	if len(c.guests) == 0 {
		return fx
	}
	for _, t := range c.tasks.all {
		if t.guest && t.origin == p.Name && t.originRun == p.Incarnation {
			c.stats.GuestsDropped++
			fx = c.cancel(t, mesh.CodeUnavailable, "node "+p.Name+", which wanted this, is gone", fx)
			fx = append(fx, Effect{Do: Drop, Guest: true, Task: t.message, To: p.Name, Service: t.service.name})
			c.end(now, t)
		}
	}
	return fx
}

// Answered takes a peer's answer to a delegated task.
func (c *Core) Answered(now time.Duration, a mesh.Attempt, answer any, fx []Effect) []Effect {
	t := c.delegated(a)
	if t == nil {
		c.stats.Fenced++
		return fx
	}
	c.stats.Answered++
	c.stats.DoneAway++
	s := t.service.name
	_, code := c.inspect(answer)
	c.judgePeer(now, t.peer, t.service, code >= mesh.CodeFailed)
	fx = c.answer(now, t, Effect{Do: Reply, Task: t.message, Answer: answer, Attempt: a, Service: s, Hops: 1}, fx)
	return c.feedNamed(now, s, fx)
}

// Returned takes a delegated task back that the peer did not do. Losses is the
// peer's count, of which it may have added to. Give the peer's fresh capacity
// to PeerCapacity first.
func (c *Core) Returned(now time.Duration, a mesh.Attempt, losses int, fx []Effect) []Effect {
	t := c.delegated(a)
	if t == nil {
		return fx
	}
	c.stats.Returned++
	p, s := t.peer, t.service
	if t.sends < maxReturns || now-t.sent >= c.cfg.AskInterval {
		t.waitEnd += now - t.sent // with a peer it did not wait here
	}
	c.takeBack(t)
	if p.Free(s.name) > 0 { // it would be asked again at once
		c.judgePeer(now, p, s, true)
	}
	h := c.home(now, s)
	h.Lasts = t.lasts()
	p.Refused(now, s.name, h.Wait(h.Waiting+1, h.Pace()), t.sends >= maxSends)
	if t.sends >= maxReturns && t.deadline == 0 && t.waitEnd <= now && s.idle.head == nil {
		return c.refuse(now, t, mesh.CodeUnavailable, "peers give it back again and again", fx)
	}
	if losses > t.losses {
		t.losses = losses - 1
		return c.lost(now, t, fx)
	}
	return c.again(now, t, fx)
}

// Unreachable takes the server's word that the delegation found no subscriber.
func (c *Core) Unreachable(now time.Duration, a mesh.Attempt, fx []Effect) []Effect {
	t := c.delegated(a)
	if t == nil {
		return fx
	}
	t.peer.Unreachable(now)
	c.takeBack(t)
	return c.again(now, t, fx)
}

// TooLarge takes the word that a task is too large to be sent to any peer: it is
// done here or not at all.
func (c *Core) TooLarge(now time.Duration, a mesh.Attempt, fx []Effect) []Effect {
	t := c.delegated(a)
	if t == nil {
		return fx
	}
	c.takeBack(t)
	t.here = true
	return c.again(now, t, fx)
}
