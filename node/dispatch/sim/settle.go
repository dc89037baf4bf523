package sim

import "time"

// Settle ends every loss and partition, gives the world so long to come to
// rest, and checks that it did: what was asked is answered, who lives is known
// and idle, and every node knows the truth about every other one.
func (w *World) Settle(within time.Duration) error {
	w.Heal()
	if err := w.Run(w.now + within); err != nil {
		return err
	}
	for _, t := range w.open {
		if t.Answers == 0 && !t.Lost() {
			w.fail("G2: %v of %s is never answered", t, t.Origin.name)
		}
	}
	w.open = nil
	for _, n := range w.nodes {
		if n.up && w.err == nil {
			n.settled()
		}
	}
	return w.err
}

// settled checks one node of a world at rest.
func (n *Node) settled() {
	w := n.world
	if !n.core.Drained() {
		w.fail("%s still has tasks", n.name)
	}
	if s := n.core.Stats(); s.Requests != s.Answered+s.Refused+s.Dropped || s.Guests < s.GuestsDone {
		w.fail("%s counts wrongly: %+v", n.name, s)
	}
	for _, l := range n.core.Loads(n.Time()) {
		if l.Waiting > 0 || l.Guests > 0 {
			w.fail("%s is at rest with %+v", n.name, l)
		}
	}
	alive := 0
	for _, c := range n.connections {
		for _, k := range c.workers {
			if k.gone || k.leaving {
				continue
			}
			alive++
			if s := n.view.workers[k.inbox]; s == nil || !s.idle() || s.client != c.id {
				w.fail("%s does not know that %s is idle on client %d: %+v", n.name, k.inbox, c.id, s)
			}
		}
	}
	if len(n.view.workers) != alive {
		w.fail("%s thinks that it has %d workers, and has %d", n.name, len(n.view.workers), alive)
	}
	known := len(n.core.Peers())
	for _, p := range w.nodes {
		if p == n || !p.up {
			continue
		}
		truth := p.core.Loads(p.Time())
		if last := n.heard[p.index]; last.Incarnation != p.incarnation.String() || !sameLoads(last.Services, truth) {
			w.fail("G7: %s last heard %+v of %s, true is %+v", n.name, last, p.name, truth)
		}
		v := n.thinks(p)
		if v == nil {
			w.fail("G7: %s does not know %s", n.name, p.name)
			return
		}
		known--
		if v.Incarnation != p.incarnation || v.Outstanding != 0 || !v.Reachable || !sameLoads(v.Services, truth) {
			w.fail("G7: %s thinks of %s %+v, true is %+v", n.name, p.name, *v, truth)
		}
	}
	if known > 0 {
		w.fail("G7: %s knows peers that are not: %+v", n.name, n.core.Peers())
	}
}
