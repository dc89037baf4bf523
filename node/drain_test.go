package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// shutdown begins to end a node gracefully; the channel is closed when it has.
func shutdown(m *nodetest.Mesh, name string) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Shutdown(name)
	}()
	return ended
}

// awaitDraining waits until a node that has no worker to spare refuses tasks.
func awaitDraining(t testing.TB, nc *nats.Conn) {
	t.Helper()
	for {
		answer := receive(t, ask(t, nc, within("20ms", task("too late"))))
		if code, text := nodetest.ErrorOf(answer); code == "503" && strings.Contains(text, "shutting down") {
			wantElsewhere(t, answer)
			return
		}
	}
}

// wantElsewhere checks that a refusal tells the client to ask another node.
func wantElsewhere(t testing.TB, m *nats.Msg) {
	t.Helper()
	wantError(t, m, "503")
	if retry := m.Header.Get(mesh.HeaderRetry); retry != mesh.RetryElsewhere {
		t.Errorf("%s: %q", mesh.HeaderRetry, retry)
	}
}

// A node that is told to end answers what it has: its worker does the task in
// hand and, one after the other, those that wait.
func TestDrain(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC1", 1, g.handle)
	client := m.Client("DC1")
	var answers []<-chan *nats.Msg
	for i := range 10 {
		answers = append(answers, ask(t, client, task(fmt.Sprint(i))))
	}
	receive(t, g.began)
	m.Await("DC1", "the others to wait", func(v node.View) bool { return v.Load("").Waiting == 9 })
	ended := shutdown(m, "DC1")
	awaitDraining(t, client)
	close(g.open)
	for i, ch := range answers {
		wantAnswer(t, receive(t, ch), fmt.Sprint(i), "DC1")
	}
	receive(t, ended)
	// The goodbye, not the silence: it comes before Run returns.
	m.Await("DC2", "the goodbye", func(v node.View) bool { return len(v.Peers) == 0 })
}

// What waits at a node that ends goes to peers as they become free, and new
// tasks do, too.
func TestDrainToPeers(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	client := m.Client("DC1")
	g := newGate()
	m.Work("DC1", 1, g.handle)
	hand := ask(t, client, task("in hand"))
	receive(t, g.began)
	var waiting []<-chan *nats.Msg
	for i := range 10 {
		waiting = append(waiting, ask(t, client, task(fmt.Sprint(i))))
	}
	m.Await("DC1", "the others to wait", func(v node.View) bool { return v.Load("").Waiting == 10 })
	ended := shutdown(m, "DC1")
	m.Work("DC2", 2, echo)
	for i, ch := range waiting {
		wantAnswer(t, receive(t, ch), fmt.Sprint(i), "DC2")
	}
	close(g.open)
	wantAnswer(t, receive(t, hand), "in hand", "DC1")
	receive(t, ended)
}

// Guests in hand are finished; those that come later go home and are done there.
func TestDrainGuests(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC2", 2, g.handle)
	client := m.Client("DC1")
	guest := ask(t, client, task("guest"))
	receive(t, g.began)
	ended := shutdown(m, "DC2")
	m.Await("DC1", "DC2 to take no more", func(v node.View) bool { l, _ := v.Peer("DC2", ""); return l.Workers == 2 && l.Idle == 0 })
	later := ask(t, client, task("later"))
	m.Await("DC1", "the task to wait at home", func(v node.View) bool { return v.Load("").Waiting == 1 })
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, later), "later", "DC1")
	close(g.open)
	wantAnswer(t, receive(t, guest), "guest", "DC2")
	receive(t, ended)
	m.Await("DC1", "the goodbye", func(v node.View) bool { return len(v.Peers) == 0 })
}

// A worker that does not end does not keep the node: the drain timeout passes,
// and everybody who waits is told. A guest goes home.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.DrainTimeout = 300 * time.Millisecond }))
	g := newGate()
	m.Work("DC2", 2, g.handle)
	guest := ask(t, m.Client("DC1"), task("guest"))
	receive(t, g.began)
	client := m.Client("DC2")
	stuck := ask(t, client, task("stuck"))
	receive(t, g.began)
	waiting := ask(t, client, task("waiting"))
	m.Await("DC2", "the other to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	m.Shutdown("DC2") // checks that Run returns nil
	wantElsewhere(t, receive(t, stuck))
	wantElsewhere(t, receive(t, waiting))
	m.Await("DC1", "the goodbye", func(v node.View) bool { return len(v.Peers) == 0 })
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, guest), "guest", "DC1")
}
