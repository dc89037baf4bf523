package node_test

import (
	"testing"

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
