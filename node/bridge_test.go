package node_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

func named(name, payload string) *nats.Msg {
	return &nats.Msg{Subject: mesh.CloudSubject(name), Data: []byte(payload)}
}

// A request to a node by its name is done there and nowhere else, whoever is
// idle meanwhile.
func TestBridge(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 3, patient)
	g := newGate()
	m.Work("DC1", 1, echo)
	m.Work("DC2", 1, g.handle)
	m.Work("DC3", 1, echo)
	client := m.Client("DC1")
	first, second := ask(t, client, named("DC2", "first")), ask(t, client, named("DC2", "second"))
	receive(t, g.began)
	m.Await("DC2", "the other one to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	wantAnswer(t, receive(t, ask(t, client, named("DC1", "at home"))), "at home", "DC1")
	wantAnswer(t, receive(t, ask(t, client, named("DC3", "elsewhere"))), "elsewhere", "DC3")
	close(g.open)
	wantAnswer(t, receive(t, first), "first", "DC2")
	wantAnswer(t, receive(t, second), "second", "DC2")
	if v := m.View("DC2"); v.Stats.Delegated > 0 || v.Stats.Guests > 0 || v.Stats.Requests != 2 {
		t.Errorf("DC2: %+v", v.Stats)
	}

	unknown := receive(t, ask(t, client, named("DC9", "x")))
	wantError(t, unknown, "503")
	if text := unknown.Header.Get(mesh.HeaderError); !strings.Contains(text, "DC9") || unknown.Header.Get("Status") != "" {
		t.Errorf("the answer of a node that is not there: %v", unknown.Header)
	}
	for _, name := range []string{"a$b", "ä", strings.Repeat("x", 65)} {
		wantError(t, receive(t, ask(t, client, named(name, "x"))), "400")
	}
	wantError(t, receive(t, ask(t, client, within("soon", named("DC2", "x")))), "400")
	wantError(t, receive(t, ask(t, client, named("DC2", strings.Repeat("x", node.MaxTask+1)))), "400")
}

// Of the mesh's own headers only the client's deadline crosses.
func TestBridgeHeaders(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	seen := make(chan nats.Header, 10)
	m.Work("DC2", 1, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		seen <- task.Header
		return task.Data, nil
	})
	client := m.Client("DC1")
	forged := named("DC2", "x")
	forged.Header = nats.Header{
		mesh.HeaderDelegation: {delegation("DC9")}, mesh.HeaderCapacity: {"1;DC9;abc;1;;1;1;0"}, mesh.HeaderWho: {"DC2"},
		mesh.HeaderAttempt: {"x"}, "Status": {"503"}, "X-Mine": {"kept"},
	}
	wantAnswer(t, receive(t, ask(t, client, forged)), "x", "DC2")
	if h := receive(t, seen); len(h) != 1 || h.Get("X-Mine") != "kept" {
		t.Errorf("the worker got %v", h)
	}
	if v := m.View("DC2"); v.Stats.Requests != 1 || v.Stats.Guests > 0 || len(v.Peers) != 1 {
		t.Errorf("DC2: %+v", v)
	}
	wantAnswer(t, receive(t, ask(t, client, within("25s", named("DC2", "x")))), "x", "DC2")
	left, err := mesh.ParseTimeout(receive(t, seen).Get(mesh.HeaderTimeout))
	if err != nil || left <= 0 || left > 25*time.Second {
		t.Errorf("of 25s the worker was told %v, %v", left, err)
	}
	wantAnswer(t, receive(t, ask(t, client, named("DC2", "x"))), "x", "DC2")
	if h := receive(t, seen); h.Get(mesh.HeaderTimeout) != "" {
		t.Errorf("without a deadline the worker was told %v", h)
	}
	nobody := receive(t, ask(t, m.Client("DC2"), within("50ms", named("DC1", "nobody works there"))))
	wantError(t, nobody, "504")
	if nobody.Header.Get(mesh.HeaderNode) != "DC1" {
		t.Errorf("that was said by %s", nobody.Header.Get(mesh.HeaderNode))
	}
}

// People can watch the states of all nodes on the local port, but what they
// publish there stays there.
func TestStateOnLocalPort(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 3)
	client := m.Client("DC1")
	heard := make(chan *nats.Msg, 10000)
	if _, err := client.ChanSubscribe("state.>", heard); err != nil {
		t.Fatal(err)
	}
	for missing := map[string]bool{"DC1": true, "DC2": true, "DC3": true}; len(missing) > 0; {
		got := receive(t, heard)
		var s mesh.State
		if err := json.Unmarshal(got.Data, &s); err != nil || got.Subject != mesh.StateSubject(s.Name) {
			t.Fatalf("%s: %s, %v", got.Subject, got.Data, err)
		}
		delete(missing, s.Name)
	}

	spy := m.CloudClient("DC2")
	crossed := make(chan *nats.Msg, 10)
	if _, err := spy.ChanSubscribe("state.DC9", crossed); err != nil {
		t.Fatal(err)
	}
	if err := spy.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	forged := `{"version":1,"name":"DC9","incarnation":"abc","sequence":1,"services":[{"workers":9,"idle":9}]}`
	publish(t, client, &nats.Msg{Subject: "state.DC9", Data: []byte(forged)})
	// What DC1 announces after it has taken a later message came later, too.
	m.Work("DC1", 1, echo)
	for _, name := range m.Names() {
		if v := m.View(name); len(v.Peers) != 2 || len(v.Complaints) > 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if len(crossed) > 0 {
		t.Error("the local state crossed")
	}
}

// A node that ends waits for the answers of others, and leaves no request to
// them unanswered when it can wait no longer.
func TestBridgeDrains(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{nodetest.Timeout, 300 * time.Millisecond} {
		t.Run(patience.String(), func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.DrainTimeout = patience }))
			g := newGate()
			m.Work("DC2", 1, g.handle)
			client := m.Client("DC1")
			answers := ask(t, client, named("DC2", "x"))
			receive(t, g.began)
			ended := shutdown(m, "DC1")
			if patience < time.Second {
				wantError(t, receive(t, answers), "503")
				receive(t, ended)
				return
			}
			awaitDraining(t, client)
			close(g.open)
			wantAnswer(t, receive(t, answers), "x", "DC2")
			receive(t, ended)
		})
	}
}

// A request to a node that dies with it in hand is answered, too: there is no
// other to do it.
func TestBridgeToDead(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC2", 1, g.handle)
	answers := ask(t, m.Client("DC1"), named("DC2", "x"))
	receive(t, g.began)
	m.Kill("DC2")
	wantError(t, receive(t, answers), "503")
}

// A cloud plane that was never reached is no fault of the request.
func TestBridgeWithoutCloud(t *testing.T) {
	t.Parallel()
	nowhere := nodetest.Addresses(t, 1)[0]
	n := newNode(t, "DC1", func(c *node.Config) { c.CloudURL = "nats://" + nowhere })
	stop, _ := run(n)
	defer stop()
	nc, err := n.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	wantError(t, receive(t, ask(t, nc, &nats.Msg{Subject: "cloud.DC2"})), "503")
}

// A node that has a request of this kind is killed, and back before anybody has
// looked: what it had in hand is lost, and the client is told.
func TestBridgeToRestartedNode(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	client := m.Client("DC1")
	for range 3 { // DC1 looks once a second
		g := newGate()
		w := m.Work("DC2", 1, g.handle)
		answers := ask(t, client, named("DC2", "x"))
		receive(t, g.began)
		m.Kill("DC2")
		close(g.open)
		w.Kill()
		m.Restart("DC2")
		m.AwaitMesh()
		wantError(t, receive(t, answers), "503")
	}
}

// A node that drains does not pass on what goes on coming, or it would never end.
func TestBridgeAtNodeThatEnds(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC2", 1, g.handle)
	client := m.Client("DC1")
	first := ask(t, client, named("DC2", "first"))
	receive(t, g.began)
	ended := shutdown(m, "DC1")
	awaitDraining(t, client)
	wantError(t, receive(t, ask(t, client, named("DC2", "late"))), "503")
	close(g.open)
	wantAnswer(t, receive(t, first), "first", "DC2")
	receive(t, ended)
}

// Requests by name that were given up make room for others, though whoever they went
// to never answers.
func TestBridgeForgetsWhoHasGone(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	m.Work("DC2", 1, echo)
	asked := make(chan *nats.Msg, 20_000)
	if _, err := m.CloudClient("DC2").ChanSubscribe("cloud.silent", asked); err != nil {
		t.Fatal(err)
	}
	client := m.Client("DC1")
	wantAnswer(t, receive(t, ask(t, client, named("DC2", "before"))), "before", "DC2") // routes and interest are there
	inbox := client.NewInbox()
	waits, err := client.SubscribeSync(inbox) // however long it takes to send them
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if err := client.PublishRequest("cloud.silent", inbox, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 10_000 {
		receive(t, asked)
	}
	wantError(t, receive(t, ask(t, client, named("DC2", "x"))), "429")
	if err := waits.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(nodetest.Timeout); ; time.Sleep(100 * time.Millisecond) {
		got := receive(t, ask(t, client, named("DC2", "x")))
		if code, _ := nodetest.ErrorOf(got); code == "429" && time.Now().Before(end) {
			continue
		}
		wantAnswer(t, got, "x", "DC2")
		return
	}
}
