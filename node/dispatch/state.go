package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// changed notes that what this node announces is no longer true.
func (c *Core) changed(now time.Duration) { c.announcer.Changed(now) }

// Changed notes that what the caller adds to this node's state is no longer true.
func (c *Core) Changed(now time.Duration) { c.changed(now) }

// announce tells the state: the heartbeat to all, and what has changed between
// two of them to the neighbours. In a mesh in which all are neighbours it is the
// same.
func (c *Core) announce(now time.Duration, fx []Effect) []Effect {
	follow, leave := c.peers.Choose(c.cfg.Name)
	for _, name := range leave {
		fx = append(fx, Effect{Do: Unfollow, To: name})
	}
	for _, name := range follow {
		fx = append(fx, Effect{Do: Follow, To: name})
	}
	news := c.peers.Sparse() && !c.announcer.Beats(now)
	c.announcer.Announced(now, !news)
	return append(fx, Effect{Do: Announce, News: news})
}

// State returns the node's state as it is to be announced. The caller fills in
// SentAt, which is for people, and Processes.
func (c *Core) State(now time.Duration) mesh.State {
	c.sequence++
	for _, s := range c.services.list {
		s.toldIdle, s.toldExcess = s.idle.n > 0, s.queue.n > 0 && c.excess(c.home(now, s)) > 0
	}
	return mesh.State{
		Version: mesh.Version, Name: c.cfg.Name, Incarnation: c.cfg.Incarnation.String(),
		Sequence: c.sequence, UptimeMS: now.Milliseconds(), Region: c.cfg.Region, Draining: c.draining, Leaving: c.leaving,
		Services: c.Loads(now), Received: c.peers.Received(),
	}
}

// maxWorkerless bounds how many services without a worker a state lists. Clients
// can name what they like; workers are what peers need to know of.
const maxWorkerless = 256

// Loads returns the node's load of each service, in order of name. A draining
// node has no idle worker to offer.
func (c *Core) Loads(now time.Duration) []mesh.Load {
	loads := make([]mesh.Load, 0, min(len(c.services.list), mesh.MaxServices))
	workerless := 0
	for _, s := range c.services.list {
		if s.workers == 0 {
			workerless++
		}
		if s.workers == 0 && workerless > maxWorkerless || len(loads) == mesh.MaxServices {
			continue
		}
		l := c.load(now, s)
		if c.draining {
			l.Idle, l.Spare = 0, 0
		}
		loads = append(loads, l)
	}
	return loads
}

// Capacity returns the node's fresh capacity for a service, as it rides on
// every cloud message to the named peer.
func (c *Core) Capacity(now time.Duration, service, peer string) mesh.Capacity {
	c.sequence++
	m := mesh.Capacity{Node: c.cfg.Name, Incarnation: c.cfg.Incarnation, Sequence: c.sequence, Service: service}
	if p := c.peers.Find(peer); p != nil {
		m.Received = p.Received()
	}
	s := c.services.byName[service]
	if s == nil {
		return m
	}
	h := c.home(now, s)
	m.Workers, m.Idle, m.Waiting, m.Excess = s.workers, s.idle.n, s.queue.n, c.excess(h)
	m.ServiceTime, m.Spare, m.Demand = h.ServiceTime.Truncate(time.Microsecond), hundredth(h.Spare()), hundredth(s.taken.Value(now))
	if c.draining {
		m.Idle, m.Spare = 0, 0
	}
	return m
}

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

func (c *Core) feedAll(now time.Duration, fx []Effect) []Effect {
	for i := 0; i < len(c.services.list); {
		s := c.services.list[i]
		if s.queue.n > 0 || s.idle.n > 0 {
			fx = c.feed(now, s, fx)
		}
		if i < len(c.services.list) && c.services.list[i] == s { // it was not its last task
			i++
		}
	}
	return fx
}

func (c *Core) feedNamed(now time.Duration, service string, fx []Effect) []Effect {
	if s := c.services.byName[service]; s != nil {
		return c.feed(now, s, fx)
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
