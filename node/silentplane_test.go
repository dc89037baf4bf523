package node_test

import (
	"testing"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The cloud plane falls silent while a node subscribes to it. The node begins
// without, as it does when there is none to begin with.
func TestStartWhileTheCloudPlaneIsLost(t *testing.T) {
	t.Parallel()
	way := newSluice(t, startPlane(t, 1<<20).Addr().String(), "SUB cloud.DC1")
	m := nodetest.Start(t, 1, patient, onPlane("nats://"+way.addr))
	if !way.dry.Load() {
		t.Fatal("it did not fall silent")
	}
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, ask(t, m.Client("DC1"), task("x"))), "x", "DC1")
}

// A node that ends while the cloud plane does not answer ends all the same: it begins
// at once, and what it has in hand is done. That its goodbye reached nobody is no error
// of its own: its peers notice.
func TestDrainWithoutCloudPlane(t *testing.T) {
	t.Parallel()
	way := newSluice(t, startPlane(t, 1<<20).Addr().String(), "")
	m := nodetest.Start(t, 1, patient, onPlane("nats://"+way.addr))
	g := newGate()
	m.Work("DC1", 1, g.handle)
	client := m.Client("DC1")
	answer := ask(t, client, task("in hand"))
	receive(t, g.began)
	way.shut()
	ended := shutdown(m, "DC1") // checks that Run returns nil
	awaitDraining(t, client)
	close(g.open)
	wantAnswer(t, receive(t, answer), "in hand", "DC1")
	receive(t, ended)
}
