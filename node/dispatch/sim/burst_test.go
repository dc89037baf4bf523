package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// burst has each node in turn be asked for as much as the mesh at rest has idle
// workers, in one moment, and checks two things of what it does in that moment, with
// news that are all true. All is of the default service.
//
// It reaches every worker: no node holds a task against a peer that has none. But for
// what is done sooner if it stays, and for peers that failed task after task, which
// get one at a time.
//
// And it moves nothing in vain: what it sends is for a worker that is idle, or for a
// queue that takes it, and does not come back. But where messages overtake each other,
// one for the queue, or one of later, may take the worker of another, which comes
// back. And but for peers that are further away than a task takes: what goes there is
// for workers that will have done what was sent just before, and they may need longer
// than in the mean. So may those that a node expects to be done a moment later, when
// its news are late: what it sends then may come back.
func burst(w *World) error {
	for _, n := range w.Nodes() {
		if !n.Up() {
			continue
		}
		idle, spared := n.Core().Capacity(0, "", "").Idle, 0
		for _, p := range w.Nodes() {
			if p == n || !p.Up() {
				continue
			}
			there := p.Core().Capacity(0, "", "").Idle
			idle += there
			if most, doubted := n.thinks(p).Doubted[""]; doubted {
				spared += max(0, there-most)
			}
		}
		for range idle {
			w.Request(n, dispatch.Request{})
		}
		vain := sentInVain(w, n)
		if err := w.Run(w.Now()); err != nil {
			return err
		}
		waiting := n.Core().Capacity(0, "", "").Waiting
		if stay := stays(w, n); waiting > stay+spared {
			return fmt.Errorf("%s can reach only %d of %d idle workers; %d tasks may stay, %d for peers that failed", n.Name(), idle-waiting, idle, stay, spared)
		}
		if err := settle(w, 6*time.Second); err != nil {
			return err
		}
		if again := vain(); again > 0 && w.opt.Config.AttemptTimeout == 0 { // a task whose attempt takes too long takes another worker
			return fmt.Errorf("%s got %d tasks back from idle workers", n.Name(), again)
		}
	}
	return nil
}

// sentTo is what a node sent in one moment to one peer, at rest, that is no further
// than a task takes.
type sentTo struct {
	idle      int // its workers
	pace      time.Duration
	roundTrip time.Duration
	tasks     int
	overtake  int // tasks that take a worker from another, if they come first
	back      int
}

// unmeasured is taken for a round trip until it is measured.
const unmeasured = time.Millisecond

// sentInVain watches what a node sends in this moment. What it returns ends that, and
// tells how many of these tasks came back that should not have.
func sentInVain(w *World, n *Node) func() (again int) {
	near := make(map[string]*sentTo)
	for _, p := range n.Core().Peers() {
		c, roundTrip := capacity(w.named(p.Name)), cmp.Or(p.RoundTrip, unmeasured)
		if c.Workers > 0 && (c.ServiceTime == 0 || roundTrip <= c.ServiceTime) {
			near[p.Name] = &sentTo{idle: c.Idle, pace: c.ServiceTime / time.Duration(c.Workers), roundTrip: roundTrip}
		}
	}
	at, over, sent, before := w.Now(), false, make(map[mesh.Attempt]*sentTo), w.opt.Hooks.Effect
	w.opt.Hooks.Effect = func(from *Node, e *dispatch.Effect) {
		over = over || w.Now() > at || from != n // who may have had news for this one, in a world without delays
		switch to := near[e.To]; {
		case e.Do == dispatch.Delegate && from == n && to != nil && over:
			to.overtake++
		case e.Do == dispatch.Delegate && from == n && to != nil:
			sent[e.Attempt] = to
			to.tasks++
			if wait := time.Duration(to.tasks-to.idle) * to.pace; 0 < wait && wait <= to.roundTrip+e.Patience { // it is queued
				to.overtake++
			}
		case e.Do == dispatch.Return:
			full := from.Core().Capacity(0, "", "").Waiting >= w.opt.Config.QueueLimit
			if to := sent[e.Task.(*guest).attempt]; to != nil && !full {
				to.back++
			}
		}
	}
	return func() (again int) {
		w.opt.Hooks.Effect = before
		for _, to := range near {
			if w.opt.Lanes == 1 { // all come in order
				to.overtake = 0
			}
			again += max(0, to.back-to.overtake)
		}
		return again
	}
}

// capacity is that of a node at rest. What takes less than the µs in which a service
// time is told takes some time, too.
func capacity(n *Node) mesh.Capacity {
	c := n.Core().Capacity(0, "", "")
	if c.ServiceTime == 0 && c.Spare > 0 { // it is known
		c.ServiceTime = 1
	}
	return c
}

// stays is how many tasks may wait at an idle node at most: what it, or it and the
// peers near it, do sooner than those that are far could.
func stays(w *World, n *Node) int {
	own := capacity(n)
	far := unmeasured
	for _, p := range n.Core().Peers() {
		far = max(far, p.RoundTrip)
	}
	home := mesh.Home{Workers: own.Workers, ServiceTime: own.ServiceTime}
	around, trip := home, make(map[string]time.Duration)
	nearest := far
	for _, p := range n.Core().Peers() {
		trip[p.Name] = p.RoundTrip
		serves := slices.ContainsFunc(p.Services, func(l mesh.Load) bool { return l.Service == "" && l.Workers > 0 })
		if serves && p.RoundTrip > 0 {
			nearest = min(nearest, p.RoundTrip)
		}
	}
	near := 2*nearest + 500*time.Microsecond
	if far <= near {
		return home.Keep(far)
	}
	for _, p := range w.Nodes() {
		if l := capacity(p); p != n && p.Up() && trip[p.Name()] <= near && l.ServiceTime > 0 {
			around.Workers += l.Workers
			if around.ServiceTime == 0 || l.ServiceTime < around.ServiceTime {
				around.ServiceTime = l.ServiceTime // the fastest
			}
		}
	}
	return max(home.Keep(far), around.Keep(far))
}
