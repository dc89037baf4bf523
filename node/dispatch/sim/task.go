package sim

import (
	"fmt"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Task is one request of a client, and what became of it.
type Task struct {
	ID      int
	Service string
	Timeout time.Duration // 0: the client did not say
	Here    bool          // not to be delegated
	Origin  *Node

	Arrived  time.Duration // at the origin
	Answered time.Duration // by the origin
	Answers  int           // one in the end
	Code     mesh.Code     // of the error; 0: a worker answered
	Worker   string        // who did it, if it was done at home
	Hops     int           // 0 at home, 1 at a peer
	Runs     int           // times a worker began it

	run    int  // of the origin
	placed bool // was given to a worker or peer

	goes, returns time.Duration // when its client is not there; 0: it always is
}

// Flap has the client of a task go after some time, and be back so much later.
func (t *Task) Flap(after, back time.Duration) {
	t.goes = t.Arrived + after
	t.returns = t.goes + back
}

// present reports whether the client is there at a time.
func (t *Task) present(now time.Duration) bool { return now < t.goes || now >= t.returns }

// String names the task in the log.
func (t *Task) String() string { return fmt.Sprintf("task %d", t.ID) }

// Lost reports whether the client lost its node, and with it any claim.
func (t *Task) Lost() bool { return t.Answers == 0 && (!t.Origin.up || t.Origin.run != t.run) }

// guest is the message of a task that a peer delegated.
type guest struct {
	task    *Task
	origin  *Node
	attempt mesh.Attempt
	dropped time.Duration // when its origin was found to be gone; 0: it was not
}

func (g *guest) String() string { return fmt.Sprintf("guest %d of %s", g.task.ID, g.origin.name) }

// answer is what a worker says.
type answer struct {
	task   *Task
	worker string
}

// taskOf returns the task of a message that was handed to a core.
func taskOf(message any) *Task {
	switch m := message.(type) {
	case *Task:
		return m
	case *guest:
		return m.task
	}
	return nil
}

// Request has a client of a node send a task, now but after what is happening.
func (w *World) Request(n *Node, r dispatch.Request) *Task {
	w.tasks++
	t := &Task{ID: w.tasks, Service: r.Service, Timeout: r.Timeout, Here: r.Here, Origin: n, Arrived: w.now, run: n.run}
	r.Message = t
	w.After(0, func() {
		if t.Lost() {
			return
		}
		if !w.opt.Unchecked {
			w.open = append(w.open, t)
			w.watch(t)
		}
		n.input(fmt.Sprintf("request %d of %q timeout %v here %v", t.ID, t.Service, t.Timeout, t.Here),
			func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect { return n.core.Request(now, r, fx) })
	})
	return t
}

// watch checks that a task is answered in time.
func (w *World) watch(t *Task) {
	limit := t.Timeout
	if limit == 0 {
		limit = w.opt.Config.QueueTimeout
	}
	w.After(limit+1, func() {
		if t.Answers == 0 && !t.Lost() && (t.Timeout > 0 || !t.placed && t.goes == 0) {
			w.fail("G2: %v of %s is not answered after %v", t, t.Origin.name, limit)
		}
	})
}

// dropped notes that a task was not started since its client is gone, which
// counts as an answer.
func (w *World) dropped(t *Task) {
	if over := t.Timeout > 0 && w.now >= t.Arrived+t.Timeout; t.present(w.now) || !over && w.now < t.goes+5*time.Second {
		w.fail("G2: %v is dropped; its client goes at %v and is back at %v", t, t.goes, t.returns)
	}
	w.answered(t.Origin, t, 0, "", 0)
}

// answered notes what the origin tells the client.
func (w *World) answered(n *Node, t *Task, code mesh.Code, worker string, hops int) {
	t.Answers++
	t.Answered, t.Code, t.Worker, t.Hops = w.now, code, worker, hops
	switch {
	case t.Answers > 1:
		w.fail("G2: %v is answered %d times", t, t.Answers)
	case t.Origin != n || t.run != n.run:
		w.fail("G2: %v of %s is answered by %s", t, t.Origin.name, n.name)
	}
	if w.opt.Hooks.Answered != nil {
		w.opt.Hooks.Answered(t)
	}
}
