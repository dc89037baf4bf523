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
