package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// PeerState takes a peer's announced state.
func (c *Core) PeerState(now time.Duration, incarnation mesh.Incarnation, s mesh.State, fx []Effect) []Effect {
	p, fx := c.heard(now, s.Name, incarnation, fx)
	if p == nil {
		return fx
	}
	p.State(now, s, c.cfg.Name)
	if p.Left() {
		fx = c.abandon(now, p, false, fx)
	}
	return c.feedAll(now, fx)
}

// PeerCapacity takes the capacity that rode on a peer's cloud message.
func (c *Core) PeerCapacity(now time.Duration, m mesh.Capacity, fx []Effect) []Effect {
	p, fx := c.heard(now, m.Node, m.Incarnation, fx)
	if p == nil {
		return fx
	}
	p.Capacity(now, m)
	return c.feedNamed(now, m.Service, fx)
}

// heard takes a sign of life. A peer that is new here is told of us at once; a
// new incarnation of a known one has lost what the old one held.
func (c *Core) heard(now time.Duration, name string, incarnation mesh.Incarnation, fx []Effect) (*mesh.Peer, []Effect) {
	if name == c.cfg.Name {
		return nil, fx // ourselves, or a name conflict: the caller's to find out
	}
	before := c.peers.Find(name)
	p, old := c.peers.Heard(now, name, incarnation)
	if p != nil && p != before {
		c.announcer.Interval = c.interval() // the first peer makes it shorter
		c.changed(now)
		if !c.alone {
			p.Asked(now)
			fx = append(fx, Effect{Do: Ask, To: p.Name}) // how far is it?
		}
	}
	if old != nil {
		fx = c.abandon(now, old, true, fx)
	}
	return p, fx
}

// CloudLost notes that the node's own link to the cloud plane is down. No task
// goes out, and no peer is declared dead for its silence: it is ours.
func (c *Core) CloudLost() { c.alone = true }

// CloudBack notes that the link is up again. The peers get the time of an expiry
// to be heard; what they answered meanwhile is asked for.
func (c *Core) CloudBack(now time.Duration, fx []Effect) []Effect {
	c.alone = false
	c.peers.Hear(now)
	c.kept.renew(now)
	c.nextExpiry, c.nextAsk, c.nextPing = now+c.cfg.PeerExpiry, now, now
	c.changed(now)
	return c.feedAll(now, fx)
}

// Proved notes that the node's own link to the cloud plane is alive, and all that came
// over it before now was handed in: so who is silent is so by itself. That a link hangs
// may be found out only after the silence that makes a peer dead.
func (c *Core) Proved(now time.Duration, fx []Effect) []Effect {
	c.proved = now
	if c.alone {
		return fx
	}
	return c.expirePeers(now, fx)
}

// expirePeers forgets the peers that have been silent for too long.
func (c *Core) expirePeers(now time.Duration, fx []Effect) []Effect {
	until := now
	if c.cfg.LinkMayHang {
		until = c.proved
	}
	gone, next := c.peers.Expired(until)
	if next <= now { // who else is silent, or the link, the next Proved will tell
		next = now + c.cfg.PeerExpiry
	}
	c.nextExpiry = next
	return c.bury(now, gone, fx)
}

// bury forgets peers that died. All of them go first, so that no task moves from
// one to the next.
func (c *Core) bury(now time.Duration, gone []*mesh.Peer, fx []Effect) []Effect {
	for _, p := range gone {
		c.peers.Remove(p)
	}
	for _, p := range gone {
		fx = c.abandon(now, p, true, fx)
	}
	return fx
}

// abandon ends with a peer: what it sent here is dropped, and every task that it
// has is taken back; one that died counts against them, one that left did not
// harm them.
func (c *Core) abandon(now time.Duration, p *mesh.Peer, died bool, fx []Effect) []Effect {
	c.recall(now)
	fx = c.orphan(now, p, fx)
	var tasks []*task
	for _, t := range c.tasks.all {
		if p.Outstanding > 0 && t.place == away && t.peer == p {
			c.takeBack(t)
			tasks = append(tasks, t)
		}
	}
	sortByAge(tasks)
	for _, t := range tasks {
		if died {
			fx = c.lost(now, t, fx)
		} else {
			t.waitEnd = now + c.cfg.QueueTimeout
			fx = c.again(now, t, fx)
		}
	}
	return fx
}

// PeerRun returns the incarnation of a peer, 0 if none of that name is known.
func (c *Core) PeerRun(name string) mesh.Incarnation {
	if p := c.peers.Find(name); p != nil && !p.Left() {
		return p.Incarnation
	}
	return 0
}

// Peers returns what is known of the peers that have not left, in order of name.
func (c *Core) Peers() []mesh.PeerView { return c.peers.Views() }
