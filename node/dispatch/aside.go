package dispatch

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// A black hole is a worker that fails every task, fast: always free, it would eat
// the queue. After a streak of failures it is put aside, and after a while it is
// tried with one task; each failure then doubles the while. A success ends it.
// At most half of a service's workers are put aside: perhaps it is the tasks.
const (
	asideStreak = 5 // failures in a row
	asideFirst  = time.Second
	asideMost   = time.Minute
)

// judge takes the outcome of a worker's task into account, and reports whether
// the worker is put aside.
func (c *Core) judge(now time.Duration, w *worker, code mesh.Code) (putAside bool) {
	if code < mesh.CodeFailed { // a success, or the client's own fault
		w.failures = 0
		return false
	}
	w.failures++
	if w.failures < asideStreak || 2*(w.service.aside+1) > w.service.workers {
		return false
	}
	pause := min(asideFirst<<min(w.failures-asideStreak, 10), asideMost)
	w.attempt, w.aside = mesh.Attempt{}, now+pause
	w.service.aside++
	c.aside = append(c.aside, w)
	c.nextAside = min(c.nextAside, w.aside)
	c.stats.PutAside++
	c.changed(now)
	return true
}

// probe lets the workers try again whose time has come.
func (c *Core) probe(now time.Duration, fx []Effect) []Effect {
	var back []*worker
	c.nextAside = never
	for _, w := range c.aside {
		if w.aside <= now {
			back = append(back, w)
		} else {
			c.nextAside = min(c.nextAside, w.aside)
		}
	}
	for _, w := range back {
		c.takeIn(w)
		fx = c.release(now, w, fx)
	}
	return fx
}

// notAllAside has one of the workers of a service try again at once, if all that
// are left are aside.
func (c *Core) notAllAside(now time.Duration, s *service) {
	if s.aside == 0 || s.workers > s.aside {
		return
	}
	for _, w := range c.aside {
		if w.service == s {
			w.aside = max(now, 1) // 0 is not aside
			c.nextAside = min(c.nextAside, w.aside)
			return
		}
	}
}

// judgePeer does the same for a peer's outcome; see mesh.Peers.Judge.
func (c *Core) judgePeer(now time.Duration, p *mesh.Peer, s *service, failed bool) {
	if until := c.peers.Judge(now, p, s.name, s.workers > 0, failed); until > 0 {
		c.nextTrial = min(c.nextTrial, until)
		c.stats.PeersAside++
	}
}

// tryPeers lets the peers try again whose time has come.
func (c *Core) tryPeers(now time.Duration, fx []Effect) []Effect {
	some, next := c.peers.TryAgain(now)
	if c.nextTrial = next; some {
		fx = c.feedAll(now, fx)
	}
	return fx
}

// recall has all peers tried again that are aside: they may be all that is left.
func (c *Core) recall(now time.Duration) {
	if c.nextTrial < never {
		c.peers.Recall(now)
		c.nextTrial = now
	}
}

// takeIn ends that a worker is aside.
func (c *Core) takeIn(w *worker) {
	if w.aside > 0 {
		w.aside = 0
		w.service.aside--
		c.aside = slices.DeleteFunc(c.aside, func(other *worker) bool { return other == w })
	}
}

const never = time.Duration(1<<63 - 1)
