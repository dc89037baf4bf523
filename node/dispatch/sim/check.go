package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// check holds a core against the rules after an input.
func (n *Node) check(now time.Duration) {
	w := n.world
	if w.opt.Unchecked || w.err != nil {
		return
	}
	for _, l := range n.core.Loads(now) {
		if l.Idle > 0 && l.Waiting > 0 {
			w.fail("G4: %s has %d idle and %d waiting for %q", n.name, l.Idle, l.Waiting, l.Service)
		}
		if c := n.core.Capacity(now, l.Service, ""); c.Workers != l.Workers || c.Idle != l.Idle || c.Waiting != l.Waiting {
			w.fail("G7: %s says %+v and %+v", n.name, l, c)
		}
	}
}

// prompt holds a core against the rules after its effects were carried out.
func (n *Node) prompt(now time.Duration) {
	w := n.world
	if w.opt.Unchecked || w.err != nil {
		return
	}
	loads := n.core.Loads(now)
	if wake := n.core.Wake(); wake > now+mesh.MaxInterval && !sameLoads(loads, n.announced) {
		w.fail("G7: %s is %+v, has announced %+v, and sleeps until %v", n.name, loads, n.announced, wake)
	}
	for _, l := range loads {
		var workers, idle, guests int
		for _, s := range n.view.workers {
			if s.service == l.Service {
				workers++
				if s.idle() && !n.draining {
					idle++
				}
				if _, is := s.task.(*guest); is {
					guests++
				}
			}
		}
		if workers != l.Workers || idle != l.Idle {
			w.fail("%s counts %d workers and %d idle for %q, should be %d and %d", n.name, l.Workers, l.Idle, l.Service, workers, idle)
		}
		if (l.Guests < guests || l.Guests > guests+l.Waiting) && !n.closed {
			w.fail("%s counts %d guests for %q, should be %d and those that wait", n.name, l.Guests, l.Service, guests)
		}
	}
}

// report gives a core a report of another node, and checks that one which a
// newer state has overtaken changes nothing.
func (n *Node) report(from *Node, incarnation mesh.Incarnation, sequence uint64, take step) step {
	if n.world.opt.Unchecked {
		return take
	}
	return func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
		before := n.thinks(from)
		fx = take(now, fx)
		last := &n.heard[from.index]
		switch after := n.thinks(from); {
		case before == nil || before.Incarnation != incarnation: // new here, or an old straggler
			if after != nil && after.Incarnation == incarnation {
				*last = mesh.State{}
			}
		case last.Incarnation == incarnation.String() && last.Sequence > sequence &&
			after != nil && !sameLoads(before.Services, after.Services):
			n.world.fail("G7: %s had state %d of %s, takes %d: %+v", n.name, last.Sequence, from.name, sequence, after)
		}
		return fx
	}
}

// thinks returns what a node knows of another, nil if it does not know it.
func (n *Node) thinks(of *Node) *mesh.PeerView {
	for _, v := range n.core.Peers() {
		if v.Name == of.name {
			return &v
		}
	}
	return nil
}

// sameLoads compares the counts of two reports; a service without any is as one
// that is not listed.
func sameLoads(a, b []mesh.Load) bool {
	return slices.Equal(counts(a), counts(b))
}

func counts(loads []mesh.Load) []mesh.Load {
	var some []mesh.Load
	for _, l := range loads {
		l = mesh.Load{Service: l.Service, Workers: l.Workers, Idle: l.Idle, Waiting: l.Waiting, Guests: l.Guests}
		if l != (mesh.Load{Service: l.Service}) {
			some = append(some, l)
		}
	}
	slices.SortFunc(some, func(a, b mesh.Load) int { return strings.Compare(a.Service, b.Service) })
	return some
}
