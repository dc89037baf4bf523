package sim

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Node is one cluster's broker: a core while it is up, and what is left of its
// workers while it is not.
type Node struct {
	world *World
	index int
	name  string

	up          bool
	run         int // counts the incarnations
	incarnation mesh.Incarnation
	core        *dispatch.Core
	started     time.Duration
	wake        time.Duration // of the next scheduled Tick; -1: none
	draining    bool
	closed      bool
	fx          []dispatch.Effect

	client      uint64                   // the last client id
	connections []*Connection            // that the server holds
	inboxes     map[string][]*Connection // the server's subscriptions
	departed    map[uint64]struct{}      // the clients that the core was told have ended
	orphans     []*Connection            // of workers that wait for the node to be back

	view      view
	announced []mesh.Load
	heard     []mesh.State // the last state of each node, by index
}

// step is one input to a core.
type step func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect

// Name returns the node's name.
func (n *Node) Name() string { return n.name }

// Up reports whether the node runs.
func (n *Node) Up() bool { return n.up }

// Core returns the core of the node's last run. It is for reading only.
func (n *Node) Core() *dispatch.Core { return n.core }

// Time returns the time that the node's core goes by.
func (n *Node) Time() time.Duration { return n.world.now - n.started }

// named returns the node of a name.
func (w *World) named(name string) *Node {
	i, err := strconv.Atoi(name[1:])
	if err != nil || i >= len(w.nodes) {
		panic("sim: a core sends to " + name)
	}
	return w.nodes[i]
}

// start begins a new run of a node.
func (n *Node) start() {
	w := n.world
	c := w.opt.Config
	c.Name, c.Incarnation = n.name, mesh.Incarnation(w.random.Uint64()|1)
	for i := 0; i < len(c.Seed); i += 8 {
		binary.LittleEndian.PutUint64(c.Seed[i:], w.random.Uint64())
	}
	c.Present = func(message any) bool { return message.(*Task).present(w.now) }
	n.up, n.draining, n.closed, n.incarnation = true, false, false, c.Incarnation
	n.run++
	n.core, n.started, n.wake = dispatch.New(c), w.now, -1
	n.client, n.connections, n.inboxes = 0, nil, make(map[string][]*Connection)
	n.departed, n.view = make(map[uint64]struct{}), newView(n)
	n.announced, n.heard = nil, make([]mesh.State, len(w.nodes))
	w.note("%s up as %v", n.name, c.Incarnation)
	n.sleep()
}

// Kill ends a node without a word. Its workers lose their connections and wait
// for it to be back; its clients are lost.
func (w *World) Kill(n *Node) {
	if !n.up {
		return
	}
	w.note("kill %s", n.name)
	n.down()
}

func (n *Node) down() {
	n.up = false
	for _, c := range n.connections {
		if c.up {
			c.drop()
			n.orphans = append(n.orphans, c)
		}
		c.known = false
	}
	n.connections = nil
}

// Restart starts a node that is down, with a new incarnation. Its workers come
// back one connection after the other.
func (w *World) Restart(n *Node) {
	if n.up {
		return
	}
	n.start()
	orphans := n.orphans
	n.orphans = nil
	for _, c := range orphans {
		w.After(w.opt.Local(w.random), c.reconnect)
	}
}

// Drain begins the polite end of a node, and Leave completes it.
func (w *World) Drain(n *Node) {
	if !n.up || n.draining {
		return
	}
	n.draining = true
	n.input("drain", func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
		n.core.Drain(now)
		return fx
	})
}

// Leave ends a node politely: what it has not done is answered with an error,
// and it says goodbye.
func (w *World) Leave(n *Node) {
	if !n.up {
		return
	}
	n.draining, n.closed = true, true
	n.input("close", n.core.Close)
	for _, t := range w.open {
		if t.Origin == n && t.run == n.run && t.Answers == 0 {
			w.fail("G2: %s closed without an answer to %v", n.name, t)
		}
	}
	n.down()
}

// input gives a core what happened, carries the effects out, and sees to the
// next Tick.
func (n *Node) input(what string, steps ...step) {
	w := n.world
	if !n.up || w.err != nil {
		return
	}
	w.note("%s: %s", n.name, what)
	now, fx := n.Time(), n.fx[:0]
	for _, s := range steps {
		fx = s(now, fx)
		n.check(now)
	}
	for i := range fx {
		if w.opt.Trace > 0 {
			w.note("%s:   %s", n.name, describe(&fx[i]))
		}
		if w.opt.Hooks.Effect != nil {
			w.opt.Hooks.Effect(n, &fx[i])
		}
		n.carry(&fx[i])
	}
	clear(fx)
	n.fx = fx
	n.prompt(now)
	n.sleep()
}

// sleep schedules the next Tick, unless an earlier one is.
func (n *Node) sleep() {
	w, run := n.world, n.run
	at := max(w.now, n.started+n.core.Wake())
	if n.wake >= 0 && n.wake <= at {
		return
	}
	n.wake = at
	w.At(at, func() {
		if !n.up || n.run != run || n.wake != at {
			return
		}
		n.wake = -1
		if now := n.Time(); n.core.Wake() > now {
			n.sleep()
			return
		}
		n.view.tick()
		n.input("tick", n.core.Tick)
		if now := n.Time(); n.core.Wake() <= now {
			w.fail("%s: after Tick at %v Wake says %v", n.name, now, n.core.Wake())
		}
	})
}

// describe writes an effect for the log.
func describe(e *dispatch.Effect) string {
	names := [...]string{"", "dispatch", "cancel", "reply", "refuse", "delegate", "return", "drop", "ask", "announce"}
	s := names[e.Do]
	switch e.Do {
	case dispatch.Dispatch, dispatch.Delegate:
		return fmt.Sprintf("%s %v to %s, slot %d.%d, left %v, losses %d", s, e.Task, e.To, e.Attempt.Slot, e.Attempt.Generation, e.Left, e.Losses)
	case dispatch.Reply:
		return fmt.Sprintf("%s to %v, by %s", s, e.Task, e.Worker)
	case dispatch.Refuse, dispatch.Return:
		return fmt.Sprintf("%s %v: %d %s, losses %d", s, e.Task, e.Code, e.Reason, e.Losses)
	case dispatch.Drop:
		return fmt.Sprintf("%s %v of %s", s, e.Task, e.To)
	case dispatch.Ask:
		return fmt.Sprintf("%s %s about %d", s, e.To, len(e.Attempts))
	}
	return s
}
