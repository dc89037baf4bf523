package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

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
		p.Asked(now)
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

// maxAsk bounds a question: 1024 attempts are 33 KiB.
const maxAsk = 1024

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

// NotHeld returns those of a peer's attempts that are not in hand here. Of these
// it leaves out what was answered of late: that answer is sent again. Who asks
// about a task that is here is alive.
func (c *Core) NotHeld(now time.Duration, attempts []mesh.Attempt, fx []Effect) (missing []mesh.Attempt, _ []Effect) {
	for _, a := range attempts {
		if t := c.guests[a]; t == nil {
			missing = append(missing, a)
		} else if p := c.peers.Find(t.origin); p != nil && p.Incarnation == t.originRun {
			c.peers.Heard(now, t.origin, t.originRun)
		}
	}
	before := len(fx)
	missing, fx = c.kept.again(missing, fx)
	c.stats.AnsweredAgain += uint64(len(fx) - before)
	return missing, fx
}

// Missing takes a peer's answer to a question: it does not hold these attempts,
// so the delegation or its answer was lost on the way, and they run again.
func (c *Core) Missing(now time.Duration, peer string, attempts []mesh.Attempt, fx []Effect) []Effect {
	if p := c.peers.Find(peer); p != nil {
		p.Told(now)
	}
	for _, a := range attempts {
		if t := c.delegated(a); t != nil {
			c.stats.Lost++
			c.takeBack(t)
			t.waitEnd = now + c.cfg.QueueTimeout
			fx = c.again(now, t, fx)
		}
	}
	return fx
}
