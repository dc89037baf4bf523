package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A worker dies while the node does not hear of such things: its own connection
// for them is lost. Its task runs elsewhere all the same.
func TestWorkerDiesUnheard(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	w := rawWorker(t, m, "DC1")
	answers := ask(t, m.Client("DC1"), task("x"))
	receive(t, w.tasks)
	n := m.Node("DC1")
	if err := n.Break(n.System()); err != nil {
		t.Fatal(err)
	}
	w.nc.Close()
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), "x", "DC1")
}

// A peer's answer comes while the node's own connection to its local server is
// lost. The client, whose connection lives, gets it when that is back.
func TestAnswerWhileUnconnected(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC2", 1, g.handle)
	answers := ask(t, m.Client("DC1"), task("x"))
	receive(t, g.began)
	n := m.Node("DC1")
	if err := n.Break(n.Local()); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	wantAnswer(t, receive(t, answers), "x", "DC2")
}

// A worker that said READY before it got a task is still busy with it when the node
// has lost its connection to the workers: what it said before is not taken for news.
func TestReadyOfBefore(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	w := rawWorker(t, m, "DC1")
	w.ready("") // as an idle one does from time to time: there is no hurry to look into it
	ask(t, m.Client("DC1"), task("x"))
	receive(t, w.tasks)
	n := m.Node("DC1")
	if err := n.Break(n.Local()); err != nil {
		t.Fatal(err)
	}
	m.Await("DC1", "the task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	select {
	case <-w.tasks:
		t.Error("a second task for a busy worker")
	case <-time.After(2500 * time.Millisecond): // it would be looked into within a second
	}
}

// A node whose own connection is closed for good cannot serve, and ends: whoever
// keeps it running starts it anew.
func TestOwnConnectionIsClosed(t *testing.T) {
	t.Parallel()
	for what, connection := range map[string]func(*node.Node) *nats.Conn{
		"local": (*node.Node).Local, "system": (*node.Node).System, "cloud": (*node.Node).Cloud,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "DC1")
			stop, result := run(n)
			defer stop()
			receive(t, n.Ready())
			connection(n).Close()
			if err := receive(t, result); !errors.Is(err, nats.ErrConnectionClosed) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
