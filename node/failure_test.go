package node_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// A worker whose connection breaks is missed at once: its task is done by
// another, and its answer, if it comes after all, is not waited for.
func TestWorkerDies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, client, dies, lives string }{
		{"at home", "DC1", "DC1", "DC1"},
		{"at a peer", "DC1", "DC2", "DC2"},
		{"at a peer, and only home is left", "DC1", "DC2", "DC1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 2, patient)
			g := newGate()
			doomed := m.Work(c.dies, 1, g.handle)
			answers := ask(t, m.Client(c.client), task("x"))
			receive(t, g.began)
			m.Work(c.lives, 1, echo)
			doomed.Kill()
			wantAnswer(t, receive(t, answers), "x", c.lives)
		})
	}
}

// A task that every worker dies of is given up.
func TestPoison(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.MaxAttempts = 3 }))
	answers := ask(t, m.Client("DC1"), task("poison"))
	for _, at := range []string{"DC1", "DC2", "DC1"} {
		g := newGate()
		w := m.WorkService(at, "", 1, g.handle)
		receive(t, g.began)
		w.Kill()
	}
	wantError(t, receive(t, answers), "500")
}

// A node that dies takes its workers along: what they had in hand is done
// elsewhere.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 3, patient)
	g := newGate()
	m.Work("DC2", 2, g.handle)
	client := m.Client("DC1")
	one, two := ask(t, client, task("one")), ask(t, client, task("two"))
	receive(t, g.began)
	receive(t, g.began)
	m.Work("DC3", 1, echo)
	m.Kill("DC2")
	wantAnswer(t, receive(t, one), "one", "DC3")
	wantAnswer(t, receive(t, two), "two", "DC3")
	if v := m.View("DC1"); v.Stats.Lost != 2 {
		t.Errorf("%+v", v.Stats)
	}
	m.AwaitMesh()
}

// A node that comes back is another incarnation: it is known at once, and what
// the one before had in hand is done elsewhere without waiting for its expiry.
func TestNodeRestarts(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.MaxAttempts = 100 }))
	client := m.Client("DC1")
	for _, end := range []func(string){m.Kill, m.Shutdown} {
		m.Work("DC2", 1, echo)
		wantAnswer(t, receive(t, ask(t, client, task("before"))), "before", "DC2")
		before := m.View("DC1").Peers[0].Incarnation
		end("DC2")
		waiting := ask(t, client, task("between"))
		m.Restart("DC2")
		m.Await("DC1", "the new incarnation", func(v node.View) bool {
			return len(v.Peers) == 1 && v.Peers[0].Incarnation != before
		})
		m.AwaitMesh()
		m.Work("DC2", 1, echo)
		wantAnswer(t, receive(t, waiting), "between", "DC2")
		wantAnswer(t, m.Request("DC2", "", []byte("after")), "after", "DC2")
		m.Kill("DC2") // with its workers
		m.Restart("DC2")
		m.AwaitMesh()
	}
}

// An error of a worker is an answer, at home and at a peer.
func TestWorkerError(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	m.Work("DC2", 1, func(_ context.Context, t *workerpool.Task) ([]byte, error) {
		if string(t.Data) == "known" {
			return nil, &workerpool.Error{Code: mesh.CodeConflict, Text: "known already"}
		}
		return nil, errors.New("no idea")
	})
	for _, at := range m.Names() {
		m.AwaitIdle("DC2", "", 1)
		known := m.Request(at, "", []byte("known"))
		wantError(t, known, "409")
		m.AwaitIdle("DC2", "", 1)
		unknown := m.Request(at, "", []byte("unknown"))
		wantError(t, unknown, "500")
		if known.Header.Get(mesh.HeaderNode) != "DC2" || unknown.Header.Get(mesh.HeaderError) != "no idea" {
			t.Errorf("%v, %v", known.Header, unknown.Header)
		}
	}
}

// A worker that unsubscribes without a word, on a connection that lives, is
// missed before the next task is sent to it.
func TestWorkerLeavesWithoutAWord(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	w := rawWorker(t, m, "DC1")
	if err := w.sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	m.AwaitWorkers("DC1", "", 0)
	if s := m.View("DC1").Stats; s.Undelivered > 0 {
		t.Errorf("it took a task to find out: %+v", s)
	}
}

// A worker that fails everything at once does not eat the queue: after five
// failures in a row it is put aside.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	m.Work("DC1", 1, func(context.Context, *workerpool.Task) ([]byte, error) { return nil, errors.New("disk full") })
	m.Work("DC1", 1, echo)
	client := m.Client("DC1")
	failed := 0
	for m.View("DC1").Stats.PutAside == 0 {
		if code, _ := nodetest.ErrorOf(receive(t, ask(t, client, task("x")))); code == "500" {
			failed++
		}
	}
	if failed != 5 {
		t.Errorf("%d tasks failed, want 5", failed)
	}
}

// A peer that fails everything at once does not eat the queue either: after five
// failures in a row this node keeps its tasks, and later tries it again.
func TestBlackHolePeer(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	var mended atomic.Bool
	m.Work("DC2", 1, func(_ context.Context, t *workerpool.Task) ([]byte, error) {
		if !mended.Load() {
			return nil, errors.New("disk full")
		}
		return t.Data, nil
	})
	g := newGate()
	m.Work("DC1", 1, g.handle)
	client := m.Client("DC1")
	slow := ask(t, client, task("slow"))
	receive(t, g.began)
	for range 5 {
		m.AwaitIdle("DC2", "", 1)
		wantError(t, receive(t, ask(t, client, task("x"))), "500")
	}
	m.AwaitIdle("DC2", "", 1)
	mended.Store(true)
	later := ask(t, client, task("later"))
	m.Await("DC1", "the task that waits beside an idle peer", func(v node.View) bool {
		return v.Stats.PeersAside == 1 && (v.Load("").Waiting == 1 || v.Stats.DoneAway == 6)
	})
	// The worker here is still busy: it is the peer that does it, once it is tried.
	wantAnswer(t, receive(t, later), "later", "DC2")
	close(g.open)
	wantAnswer(t, receive(t, slow), "slow", "DC1")
}

// A node dies with a task of it running at a peer: the peer drops it, and the
// worker is told to stop and has time for others.
func TestGuestsOfADeadOrigin(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC2", 1, g.handle)
	answered := ask(t, m.Client("DC1"), task("in vain"))
	receive(t, g.began)
	m.Kill("DC1")
	v := m.Await("DC2", "the guest to be dropped", func(v node.View) bool { return v.Stats.GuestsDropped == 1 })
	if l := v.Load(""); l.Guests != 0 || v.Complaints["dropped a task of a peer that is gone"] != 1 {
		t.Errorf("%+v, complaints %v", l, v.Complaints)
	}
	next := ask(t, m.Client("DC2"), task("next")) // the gate is still closed
	if got := receive(t, g.began); got != "next" {
		t.Errorf("%q was begun", got)
	}
	close(g.open)
	wantAnswer(t, receive(t, next), "next", "DC2")
	m.Await("DC2", "the answer nobody wants", func(v node.View) bool { return v.Stats.Fenced == 1 && v.Stats.GuestsDone == 0 })
	if len(answered) > 0 {
		t.Errorf("the client of a dead node is answered: %v", <-answered)
	}
}
