package sim

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// view is what a node should think of its workers, told from its inputs alone:
// a second, plainer writing of the rules, to hold the core against.
type view struct {
	node    *Node
	workers map[string]*seen // by inbox
	inputs  uint64
}

// seen is one worker in the eyes of its node.
type seen struct {
	client  uint64
	service string
	since   uint64 // idle since this input
	attempt mesh.Attempt
	task    any           // nil when idle or stuck
	started time.Duration // when it got the attempt
	due     time.Duration
	leaving bool
	again   *dispatch.Ready
}

func newView(n *Node) view { return view{node: n, workers: make(map[string]*seen)} }

func (s *seen) idle() bool { return s.attempt == mesh.Attempt{} }

func (v *view) ready(r dispatch.Ready) {
	v.inputs++
	v.accept(r)
}

func (v *view) accept(r dispatch.Ready) {
	s := v.workers[r.ID.Inbox]
	switch {
	case s == nil:
	case s.task != nil:
		if r.ID.Client != s.client {
			s.again = &r
		}
		return
	case s.client != r.ID.Client:
	case s.idle() && s.service == r.Service, !s.idle() && r.Said < s.started:
		return
	}
	v.workers[r.ID.Inbox] = &seen{client: r.ID.Client, service: r.Service, since: v.inputs}
}

func (v *view) leave(inbox string) {
	v.inputs++
	if s := v.workers[inbox]; s != nil && s.task != nil {
		s.leaving, s.again = true, nil
	} else {
		delete(v.workers, inbox)
	}
}

// holding returns who has the attempt.
func (v *view) holding(a mesh.Attempt) (string, *seen) {
	for inbox, s := range v.workers {
		if s.attempt == a {
			return inbox, s
		}
	}
	return "", nil
}

func (v *view) done(a mesh.Attempt) {
	v.inputs++
	inbox, s := v.holding(a)
	if s == nil {
		return
	}
	s.attempt, s.task, s.since = mesh.Attempt{}, nil, v.inputs
	switch again := s.again; {
	case again != nil:
		s.again = nil
		v.accept(*again)
	case s.leaving:
		delete(v.workers, inbox)
	}
}

func (v *view) undelivered(a mesh.Attempt) {
	v.inputs++
	if inbox, s := v.holding(a); s != nil {
		v.depart(inbox, s)
	}
}

func (v *view) disconnected(client uint64) {
	v.inputs++
	for inbox, s := range v.workers {
		if s.again != nil && s.again.ID.Client == client {
			s.again = nil
		}
		if s.client == client {
			v.depart(inbox, s)
		}
	}
}

func (v *view) depart(inbox string, s *seen) {
	delete(v.workers, inbox)
	if s.again != nil {
		v.accept(*s.again)
	}
}

// dropped takes a guest back that nobody waits for.
func (v *view) dropped(g *guest) {
	g.dropped = v.node.world.now
	for _, s := range v.workers {
		if s.task == g {
			s.task = nil
		}
	}
}

// tick takes back what has run out of time.
func (v *view) tick() {
	v.inputs++
	now := v.node.Time()
	for _, s := range v.workers {
		if s.task != nil && s.due > 0 && s.due <= now {
			s.task = nil
		}
	}
}

// dispatched notes a dispatch, and checks that it goes to the worker that has
// been idle longest. It returns the connection that is meant and when the task
// is taken back.
func (v *view) dispatched(e *dispatch.Effect) (client uint64, due time.Duration) {
	n, now := v.node, v.node.Time()
	if e.Left > 0 {
		due = now + e.Left
		if e.Left == time.Nanosecond {
			due = now // it says no less
		}
	}
	if limit := n.world.opt.Config.AttemptTimeout; limit > 0 && (due == 0 || now+limit < due) {
		due = now + limit
	}
	s := v.workers[e.To]
	if n.world.opt.Unchecked {
		if s != nil {
			s.attempt, s.task, s.started, s.due = e.Attempt, e.Task, now, due
			return s.client, due
		}
		return 0, due
	}
	if s == nil || !s.idle() || s.leaving {
		n.world.fail("G1: %s gives %v to %s, which is not idle", n.name, e.Task, e.To)
		return 0, due
	}
	if want := taskOf(e.Task).Service; s.service != want {
		n.world.fail("%s gives %v of service %q to a worker of %q", n.name, e.Task, want, s.service)
	}
	for inbox, other := range v.workers {
		if other.service == s.service && other.idle() && other.since < s.since {
			n.world.fail("G5: %s gives %v to %s, but %s has been idle longer", n.name, e.Task, e.To, inbox)
		}
	}
	s.attempt, s.task, s.started, s.due = e.Attempt, e.Task, now, due
	return s.client, due
}
