package node_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// flapping is a client whose connection a test can take away for as long as it likes.
type flapping struct {
	*nats.Conn
	t    testing.TB
	away atomic.Bool
	here string // a subject that answers while the client is connected
}

func (f *flapping) Dial(network, address string) (net.Conn, error) {
	if f.away.Load() {
		return nil, errors.New("not now")
	}
	return net.Dial(network, address)
}

func flappingClient(t testing.TB, m *nodetest.Mesh, name string) *flapping {
	t.Helper()
	f := &flapping{t: t}
	var err error
	f.Conn, err = nats.Connect(m.Node(name).LocalURL(), nats.Timeout(nodetest.Timeout), nats.SetCustomDialer(f), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	f.here = f.NewInbox()
	if _, err := f.Subscribe(f.here, func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	return f
}

// goAway breaks the connection, and waits until the server has noticed.
func (f *flapping) goAway(other *nats.Conn) {
	f.t.Helper()
	f.away.Store(true)
	if err := f.ForceReconnect(); err != nil {
		f.t.Fatal(err)
	}
	awaitNobody(f.t, other, f.here)
}

// awaitNobody waits until nobody subscribes to a subject.
func awaitNobody(t testing.TB, nc *nats.Conn, subject string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Timeout)
	defer cancel()
	for {
		once, cancelOnce := context.WithTimeout(ctx, time.Second) // what it was sent just before it went is lost
		_, err := nc.RequestWithContext(once, subject, nil)
		cancelOnce()
		if errors.Is(err, nats.ErrNoResponders) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("somebody still subscribes to %s: %v", subject, err)
		}
	}
}

// A client flaps while its task waits: the task waits for it, while others are
// done. It is done when the client is back, and the answer finds it there.
func TestClientFlapsWhileItsTaskWaits(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	w := rawWorker(t, m, "DC1")
	other, client := m.Client("DC1"), flappingClient(t, m, "DC1")
	ask(t, other, task("busy"))
	busy := receive(t, w.tasks)
	answers := ask(t, client.Conn, task("x"))
	next := ask(t, other, task("y"))
	m.Await("DC1", "the tasks to wait", func(v node.View) bool { return v.Load("").Waiting == 2 })
	client.goAway(other)
	w.answer(busy, nil, busy.Data)
	y := receive(t, w.tasks)
	w.answer(y, nil, y.Data)
	wantAnswer(t, receive(t, next), "y", "DC1")
	client.away.Store(false)
	x := receive(t, w.tasks)
	w.answer(x, nil, x.Data)
	wantAnswer(t, receive(t, answers), "x", "DC1")
	wantStats(t, m, "DC1", 3, 0)
}

// A client goes for good while its task waits: no worker sees the task, here or
// at a peer, and it is told that it was dropped.
func TestClientGone(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	other, client := m.Client("DC1"), flappingClient(t, m, "DC1")
	ask(t, client.Conn, task("x"))
	ask(t, client.Conn, within("1h", taskFor("here", "x2")))
	m.Await("DC1", "the tasks to wait", func(v node.View) bool { return v.Load("").Waiting+v.Load("here").Waiting == 2 })
	client.Close()
	awaitNobody(t, other, client.here)
	m.Work("DC2", 1, echo)
	m.WorkService("DC1", "here", 1, echo)
	v := m.Await("DC1", "the tasks to be dropped", func(v node.View) bool { return v.Stats.Dropped == 2 })
	if s := v.Stats; s.Dispatched+s.Delegated+s.Answered+s.Refused > 0 || v.Complaints["dropped a task of a client that is gone"] != 2 {
		t.Errorf("%+v, complaints %v", s, v.Complaints)
	}
}

// A client goes while its task runs: the worker is left to it.
func TestClientGoneWhileItsTaskRuns(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	w := rawWorker(t, m, "DC1")
	client := flappingClient(t, m, "DC1")
	ask(t, client.Conn, task("x"))
	got := receive(t, w.tasks)
	client.goAway(m.Client("DC1"))
	w.answer(got, nil, got.Data)
	m.Await("DC1", "the answer", func(v node.View) bool { return v.Stats.Answered == 1 })
	m.AwaitIdle("DC1", "", 1)
}

// Whether a client of the cloud plane is there is not known here: its task is
// done when a worker is free.
func TestClientOfTheCloudPlane(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	probe := signed(&nats.Msg{Subject: mesh.CloudSubject("DC1"), Data: []byte("x")})
	answers := ask(t, m.CloudClient("DC1"), probe)
	m.Await("DC1", "the task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), "x", "DC1")
}
