package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Guest takes a task that a peer delegates. An idle worker gets it at once; or
// it goes straight back, so that its origin can do better.
func (c *Core) Guest(now time.Duration, d mesh.Delegation, message any, fx []Effect) []Effect {
	if _, twice := c.guests[d.Attempt]; twice {
		c.stats.Fenced++
		return fx
	}
	s := c.services.get(d.Service)
	if c.draining || s.idle.head == nil {
		reason := "no idle worker"
		if c.draining {
			reason = "node " + c.cfg.Name + " is shutting down"
		}
		c.services.tidy(s)
		c.stats.GuestsBack++
		return append(fx, Effect{Do: Return, Guest: true, Task: message, Service: d.Service, Reason: reason, Losses: d.Losses})
	}
	t := c.tasks.take()
	t.service, t.message, t.guest, t.here = s, message, true, true
	t.attempt, t.losses, t.arrived = d.Attempt, d.Losses, now-d.Age
	if d.Left > 0 {
		t.deadline = now + d.Left
	}
	s.tasks++
	s.guests++
	c.guests[d.Attempt] = t
	c.stats.Guests++
	return c.settle(now, t, fx)
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
	p := t.peer
	c.takeBack(now, t)
	if p.Free(t.service.name) > 0 { // it would be asked again at once
		c.judgePeer(now, p, t.service, true)
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
	c.takeBack(now, t)
	return c.again(now, t, fx)
}

// TooLarge takes the word that a task is too large to be sent to any peer: it is
// done here or not at all.
func (c *Core) TooLarge(now time.Duration, a mesh.Attempt, fx []Effect) []Effect {
	t := c.delegated(a)
	if t == nil {
		return fx
	}
	c.takeBack(now, t)
	t.here = true
	return c.again(now, t, fx)
}

// Pulled takes a peer's wish for n waiting tasks of a service, and grants as
// many as wait and as its capacity, which came with the pull, allows: the
// oldest first.
func (c *Core) Pulled(now time.Duration, m mesh.Capacity, n int, message any, fx []Effect) []Effect {
	p, fx := c.heard(now, m.Node, m.Incarnation, fx)
	if p == nil {
		return fx
	}
	p.Capacity(now, c.cfg.RoundTrip, m)
	granted := 0
	if s := c.services.byName[m.Service]; s != nil && !c.alone {
		for t := s.queue.head; t != nil && granted < min(n, maxGrant) && p.Free(m.Service) > 0; {
			next := t.next
			if !t.here {
				c.dequeue(now, t)
				fx = c.delegate(now, t, p, fx)
				granted++
			}
			t = next
		}
	}
	fx = append(fx, Effect{Do: Grant, Task: message, To: m.Node, Service: m.Service, N: granted})
	return c.feedNamed(now, m.Service, fx)
}

// maxGrant bounds the tasks of one pull, and with them the work of one input.
const maxGrant = 1024

// PullAnswered takes a peer's answer to a pull. A peer that had nothing to give
// is left alone for one announce interval.
func (c *Core) PullAnswered(now time.Duration, peer, service string, granted int, fx []Effect) []Effect {
	p := c.peers.Find(peer)
	if p == nil {
		return fx
	}
	p.PullAnswered()
	if granted == 0 {
		p.Pulling(now + c.cfg.AnnounceInterval)
	}
	return c.feedNamed(now, service, fx)
}

// watchPeers looks after the peers that have tasks of ours. Each is pinged, one
// that could not be reached for DeadAfter is dead, and once in a while each is
// asked about the tasks that it has had for long, which is a ping as well.
func (c *Core) watchPeers(now time.Duration, fx []Effect) []Effect {
	c.nextPing = now + c.cfg.PingInterval
	ask := now >= c.nextAsk
	if ask {
		c.nextAsk = now + c.cfg.AskInterval
	}
	var dead []*mesh.Peer
	for _, p := range c.peers.All() {
		if p.Outstanding == 0 {
			continue
		}
		if since, unreachable := p.UnreachableSince(); unreachable && c.cfg.DeadAfter > 0 {
			if since+c.cfg.DeadAfter <= now {
				dead = append(dead, p)
				continue
			}
			c.nextPing = min(c.nextPing, since+c.cfg.DeadAfter)
		}
		asked := false
		if ask {
			fx, asked = c.ask(now, p, fx)
		}
		if !asked {
			fx = append(fx, Effect{Do: Ask, To: p.Name})
		}
	}
	return c.bury(now, dead, fx)
}

// ask asks a peer about the tasks that it has had for an interval.
func (c *Core) ask(now time.Duration, p *mesh.Peer, fx []Effect) (_ []Effect, asked bool) {
	var overdue []mesh.Attempt
	for _, t := range c.tasks.all {
		if t.place == away && t.peer == p && t.sent+c.cfg.AskInterval <= now {
			overdue = append(overdue, t.attempt)
		}
		if len(overdue) == maxAsk {
			fx, asked = append(fx, Effect{Do: Ask, To: p.Name, Attempts: overdue}), true
			overdue = nil
		}
	}
	if overdue != nil {
		fx, asked = append(fx, Effect{Do: Ask, To: p.Name, Attempts: overdue}), true
	}
	return fx, asked
}

// NoAnswer takes the server's word that a question to the peer found no
// subscriber.
func (c *Core) NoAnswer(now time.Duration, peer string) {
	p := c.peers.Find(peer)
	if p == nil {
		return
	}
	p.Unreachable(now)
	if since, _ := p.UnreachableSince(); c.cfg.DeadAfter > 0 {
		c.nextPing = min(c.nextPing, max(now, since+c.cfg.DeadAfter))
	}
}

// maxAsk bounds a question: 1024 attempts are 33 KiB.
const maxAsk = 1024

// NotHeld returns those of a peer's attempts that are not in hand here.
func (c *Core) NotHeld(attempts []mesh.Attempt) []mesh.Attempt {
	var missing []mesh.Attempt
	for _, a := range attempts {
		if _, ok := c.guests[a]; !ok {
			missing = append(missing, a)
		}
	}
	return missing
}

// Missing takes a peer's answer to a question: it does not hold these attempts,
// so the delegation or its answer was lost on the way, and they run again.
func (c *Core) Missing(now time.Duration, attempts []mesh.Attempt, fx []Effect) []Effect {
	for _, a := range attempts {
		if t := c.delegated(a); t != nil {
			c.stats.Lost++
			c.takeBack(now, t)
			t.waitEnd = now + c.cfg.QueueTimeout
			fx = c.again(now, t, fx)
		}
	}
	return fx
}
