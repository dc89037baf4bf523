package sim

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// carry does what an effect asks for, as the shell of a real node does it.
func (n *Node) carry(e *dispatch.Effect) {
	w, core := n.world, n.core
	switch e.Do {
	case dispatch.Dispatch:
		n.deliver(e)

	case dispatch.Reply:
		if e.Guest {
			g, said := e.Task.(*guest), e.Answer // the effect itself is gone by then
			n.cloud(Answer, g.origin, e.Service, g.task, func(to *Node) step {
				return func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
					return to.core.Answered(now, g.attempt, said, fx)
				}
			}, nil)
			return
		}
		t := e.Task.(*Task)
		if a, ok := e.Answer.(answer); !ok || a.task != t {
			w.fail("G2: %v is answered with %+v", t, e.Answer)
		}
		w.answered(n, t, 0, e.Worker, int(e.Hops))

	case dispatch.Refuse:
		w.answered(n, e.Task.(*Task), e.Code, "", 0)

	case dispatch.Delegate:
		t, mine := e.Task.(*Task)
		if !mine {
			w.fail("G3: %s delegates %v", n.name, e.Task)
			return
		}
		t.placed = true
		d := w.wireDelegation(mesh.Delegation{
			Origin: n.name, Incarnation: n.incarnation, Attempt: e.Attempt,
			Service: e.Service, Age: e.Age, Left: e.Left, Losses: e.Losses, Number: e.Number, Patience: e.Patience,
		})
		n.cloud(Delegation, w.named(e.To), e.Service, t, func(to *Node) step {
			return func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
				return to.core.Guest(now, d, &guest{task: t, origin: n, attempt: d.Attempt}, fx)
			}
		}, func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
			return core.Unreachable(now, d.Attempt, fx)
		})

	case dispatch.Return:
		g, losses := e.Task.(*guest), e.Losses
		n.cloud(Returning, g.origin, e.Service, g.task, func(to *Node) step {
			return func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
				return to.core.Returned(now, g.attempt, losses, fx)
			}
		}, nil)

	case dispatch.Drop:
		if t, mine := e.Task.(*Task); mine {
			w.dropped(t)
		} else {
			n.view.dropped(e.Task.(*guest))
		}

	case dispatch.Ask:
		to, attempts := w.named(e.To), e.Attempts
		w.network.send(Message{Kind: Ask, From: n, To: to}, func() {
			var missing []mesh.Attempt
			to.input("question of "+n.name, func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
				missing, fx = to.core.NotHeld(now, attempts, fx)
				return fx
			})
			w.network.send(Message{Kind: Held, From: to, To: n}, func() {
				n.input("missing at "+to.name, func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
					return n.core.Missing(now, to.name, missing, fx)
				})
			}, nil)
		}, func() {
			n.input("no one to ask", func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
				core.NoAnswer(now, to.name)
				return fx
			})
		})

	case dispatch.Announce:
		s := core.State(w.now - n.started)
		n.announced = s.Services
		s, incarnation := w.wireState(n.name, s, n.incarnation)
		for _, to := range w.nodes {
			if to != n {
				w.network.send(Message{Kind: State, From: n, To: to}, func() { to.peerState(n, incarnation, s) }, nil)
			}
		}
	}
}

// cloud sends a message that carries the node's fresh capacity. The receiver
// takes that in first, then what the message is about.
func (n *Node) cloud(kind Kind, to *Node, service string, t *Task, about func(to *Node) step, bounced step) {
	w, what := n.world, string(kind)
	if t != nil {
		what += " of " + t.String()
	}
	capacity := w.wireCapacity(n.core.Capacity(w.now-n.started, service, to.name))
	var bounce func()
	if bounced != nil {
		bounce = func() { n.input("bounced "+what, bounced) }
	}
	w.network.send(Message{Kind: kind, From: n, To: to, Task: t}, func() {
		first := func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
			return to.core.PeerCapacity(now, capacity, fx)
		}
		to.input(what+" from "+n.name, to.report(n, capacity.Incarnation, capacity.Sequence, first), about(to))
	}, bounce)
}

// peerState takes in the announced state of another node.
func (n *Node) peerState(from *Node, incarnation mesh.Incarnation, s mesh.State) {
	s.Services = slices.Clone(s.Services) // as if each node had parsed its own
	n.input("state of "+from.name, n.report(from, incarnation, s.Sequence, func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
		return n.core.PeerState(now, incarnation, s, fx)
	}))
	if last := &n.heard[from.index]; last.Sequence < s.Sequence || last.Incarnation != s.Incarnation {
		*last = s
	}
}
