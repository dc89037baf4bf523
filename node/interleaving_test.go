package node_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// manyAttempts lets a task be lost as often as a test likes.
var manyAttempts = nodetest.WithConfig(func(c *node.Config) { c.MaxAttempts = 1000 })

// takes subscribes a connection to a worker's inbox.
func takes(t testing.TB, nc *nats.Conn, inbox string) *raw {
	t.Helper()
	w := &raw{t: t, nc: nc, inbox: inbox, tasks: make(chan *nats.Msg, 100)}
	var err error
	if w.sub, err = nc.ChanSubscribe(inbox, w.tasks); err != nil {
		t.Fatal(err)
	}
	return w
}

// ready says READY for a service.
func (w *raw) ready(service string) {
	w.t.Helper()
	publish(w.t, w.nc, &nats.Msg{Subject: mesh.WithService(mesh.SubjectReady, service), Reply: w.inbox})
}

// wantStats checks how often tasks were given to workers, and lost with them.
func wantStats(t testing.TB, m *nodetest.Mesh, name string, dispatched, lost uint64) {
	t.Helper()
	if s := m.View(name).Stats; s.Dispatched != dispatched || s.Lost != lost {
		t.Errorf("%s dispatched %d and lost %d, want %d and %d: %+v", name, s.Dispatched, s.Lost, dispatched, lost, s)
	}
}

// Somebody has `nats sub '>'` open, so every subject seems to have a subscriber:
// neither a worker's death nor that of a peer is missed for that.
func TestEverythingIsSubscribedTo(t *testing.T) {
	t.Parallel()
	t.Run("a worker dies", func(t *testing.T) {
		t.Parallel()
		m := nodetest.Start(t, 1, patient)
		if _, err := m.Client("DC1").Subscribe(">", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
		w := rawWorker(t, m, "DC1")
		answers := ask(t, m.Client("DC1"), task("x"))
		receive(t, w.tasks)
		m.Work("DC1", 1, echo)
		w.nc.Close()
		wantAnswer(t, receive(t, answers), "x", "DC1")
		wantStats(t, m, "DC1", 2, 1)
		m.AwaitWorkers("DC1", "", 1)
	})
	t.Run("a peer dies", func(t *testing.T) { // noticed by its silence
		t.Parallel()
		m := nodetest.Start(t, 2, patient)
		if _, err := m.CloudClient("DC1").Subscribe(">", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
		w := rawWorker(t, m, "DC2")
		answers := ask(t, m.Client("DC1"), task("x"))
		receive(t, w.tasks)
		m.Work("DC1", 1, echo)
		m.Kill("DC2")
		wantAnswer(t, receive(t, answers), "x", "DC1")
		wantStats(t, m, "DC1", 1, 1)
	})
}

// A worker's connection breaks with a task in hand, and before anybody has looked
// it is there again, with the same inbox and READY. The task is not taken for
// being in its hands still: it comes anew, once.
func TestReconnectWithTheSameInbox(t *testing.T) {
	t.Parallel()
	const rounds = 20
	m := nodetest.Start(t, 1, patient)
	var w *raw
	w = takes(t, m.Client("DC1", nats.ReconnectHandler(func(nc *nats.Conn) {
		_ = nc.PublishRequest(mesh.SubjectReady, w.inbox, nil)
	})), nats.NewInbox())
	w.ready("")
	m.AwaitWorkers("DC1", "", 1)
	client := m.Client("DC1")
	for i := range rounds {
		answers := ask(t, client, task(fmt.Sprint(i)))
		before := receive(t, w.tasks)
		if err := w.nc.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		again := receive(t, w.tasks)
		if string(again.Data) != string(before.Data) || again.Reply == before.Reply {
			t.Errorf("got %q as %s, and then %q as %s", before.Data, before.Reply, again.Data, again.Reply)
		}
		w.answer(again, nil, again.Data)
		wantAnswer(t, receive(t, answers), fmt.Sprint(i), "DC1")
	}
	wantStats(t, m, "DC1", 2*rounds, rounds)
}

// A busy worker is on a new connection, and says READY there, while the old one
// lives on or its end is not known. That READY frees it of nothing: only the end
// of the old connection, or the answer, decides about the task.
func TestReadyOfABusyWorkerAfterAFlap(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (m *nodetest.Mesh, before, after *raw, first *nats.Msg, answers <-chan *nats.Msg) {
		t.Parallel()
		m = nodetest.Start(t, 1, patient)
		mark := takes(t, m.Client("DC1"), nats.NewInbox())
		mark.ready("mark")
		m.AwaitWorkers("DC1", "mark", 1)
		before = rawWorker(t, m, "DC1")
		answers = ask(t, m.Client("DC1"), task("x"))
		first = receive(t, before.tasks)
		after = takes(t, m.Client("DC1"), before.inbox)
		after.ready("")
		mark.ready("marked") // looked into after the one before
		m.AwaitWorkers("DC1", "marked", 1)
		wantStats(t, m, "DC1", 1, 0)
		return m, before, after, first, answers
	}
	t.Run("the old connection ends", func(t *testing.T) {
		m, before, after, _, answers := start(t)
		before.nc.Close()
		again := receive(t, after.tasks)
		after.answer(again, nil, again.Data)
		wantAnswer(t, receive(t, answers), "x", "DC1")
		wantStats(t, m, "DC1", 2, 1)
	})
	t.Run("it answers over the new one before", func(t *testing.T) {
		m, before, after, first, answers := start(t)
		after.answer(first, nil, first.Data)
		wantAnswer(t, receive(t, answers), "x", "DC1")
		before.nc.Close() // which is no more the worker's
		answers = ask(t, m.Client("DC1"), task("y"))
		next := receive(t, after.tasks)
		after.answer(next, nil, next.Data)
		wantAnswer(t, receive(t, answers), "y", "DC1")
		wantStats(t, m, "DC1", 2, 0)
	})
	t.Run("it answers over the new one after that", func(t *testing.T) {
		m, before, after, first, answers := start(t)
		before.nc.Close()
		again := receive(t, after.tasks)
		after.answer(first, nil, []byte("too late"))
		after.answer(again, nil, again.Data)
		wantAnswer(t, receive(t, answers), "x", "DC1")
		wantStats(t, m, "DC1", 2, 1)
		if n := m.View("DC1").Stats.Fenced; n != 1 {
			t.Errorf("%d answers were fenced, want 1", n)
		}
	})
}

// A worker drains its subscription (Drain of nats.go) with a task in hand: it gets
// no other, and the answer counts, also when the node knows already.
func TestDrainOfASubscriptionWithATaskInHand(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("known %v", known), func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 1, patient)
			w := rawWorker(t, m, "DC1")
			client := m.Client("DC1")
			answers := ask(t, client, task("x"))
			got := receive(t, w.tasks)
			other := takes(t, m.Client("DC1"), nats.NewInbox())
			other.ready("")
			m.AwaitWorkers("DC1", "", 2)
			if err := w.sub.Drain(); err != nil {
				t.Fatal(err)
			}
			if err := w.nc.FlushTimeout(nodetest.Timeout); err != nil {
				t.Fatal(err)
			}
			if known { // who looks after this one looks after both
				if err := other.sub.Unsubscribe(); err != nil {
					t.Fatal(err)
				}
				m.AwaitIdle("DC1", "", 0)
			}
			w.answer(got, nil, got.Data)
			wantAnswer(t, receive(t, answers), "x", "DC1")
			wantStats(t, m, "DC1", 1, 0)
			if known {
				m.AwaitWorkers("DC1", "", 0)
				return
			}
			m.AwaitWorkers("DC1", "", 1)
		})
	}
}

// A node comes back on its port as another incarnation. A worker that survived
// answers the attempt of the one before: that is fenced, and reaches nobody.
func TestAnswerToAnotherIncarnation(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	back := make(chan struct{}, 1)
	nc, err := nats.Connect(m.Node("DC1").LocalURL(), nats.Timeout(nodetest.Timeout), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	w := takes(t, nc, nats.NewInbox())
	w.ready("")
	m.AwaitWorkers("DC1", "", 1)
	ask(t, m.Client("DC1"), task("x"))
	before := receive(t, w.tasks)
	m.Kill("DC1")
	m.Restart("DC1")
	receive(t, back)
	w.ready("")
	m.AwaitWorkers("DC1", "", 1)
	answers := ask(t, m.Client("DC1"), task("x"))
	again := receive(t, w.tasks)
	w.answer(before, nil, []byte("too late"))
	w.answer(again, nil, again.Data)
	wantAnswer(t, receive(t, answers), "x", "DC1")
	if v := m.View("DC1"); v.Stats.Fenced != 1 || v.Stats.Dispatched != 1 {
		t.Errorf("%+v", v.Stats)
	}
}
