package node_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// In a mesh of more than 32 each node knows all others, and hears the news of its
// neighbours only. A service that one node has, which is no neighbour of the one
// that is asked, is served nevertheless.
func TestLargeMesh(t *testing.T) {
	if testing.Short() {
		t.Skip("many nodes take a while")
	}
	var members []mesh.Member
	m := nodetest.Start(t, mesh.FullMesh+4, patient, nodetest.WithConfig(func(c *node.Config) {
		c.Region = []string{"eu", "us"}[len(members)%2] // by turns
		members = append(members, mesh.Member{Name: c.Name, Region: c.Region})
	}))
	names := m.Names()
	for _, name := range []string{"DC1", "DC7", names[len(names)-1]} {
		want := mesh.Neighbours(members, name)
		e := newEavesdropper(t, m, name)
		heard := e.heard()
		for began := time.Now(); !slices.Equal(heard, want); heard = e.heard() { // it chooses anew when it has heard of another
			if time.Since(began) > nodetest.Timeout {
				t.Fatalf("%s hears the news of %v, want %v", name, heard, want)
			}
		}
	}

	near := mesh.Neighbours(members, "DC1")
	far := names[slices.IndexFunc(names, func(name string) bool { return name != "DC1" && !slices.Contains(near, name) })]
	m.WorkService(far, "rare", 1, echo)
	client := m.Client("DC1")
	for range 3 {
		wantAnswer(t, receive(t, ask(t, client, taskFor("rare", "hello"))), "hello", far)
	}
}

// eavesdropper finds out whose news a node gets, by the node's own words: what it
// hears it tells on its local port.
type eavesdropper struct {
	t     testing.TB
	peers []mesh.PeerView
	plane *nats.Conn
	local chan *nats.Msg
}

func newEavesdropper(t testing.TB, m *nodetest.Mesh, name string) *eavesdropper {
	e := &eavesdropper{t: t, peers: m.View(name).Peers, plane: m.CloudClient(name), local: make(chan *nats.Msg, 10_000)}
	client := m.Client(name)
	if _, err := client.ChanSubscribe("state.*", e.local); err != nil {
		t.Fatal(err)
	}
	if err := client.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	return e
}

// heard returns whose news the node hears, in order of name. The news are made up:
// number 0, which is older than all that the node knows, so that nothing changes
// by it. After the news of all there is word for everybody, which ends the wait.
func (e *eavesdropper) heard() (heard []string) {
	e.t.Helper()
	const everybody = 12345
	say := func(p mesh.PeerView, subject string, uptime int64) {
		data, err := json.Marshal(mesh.State{Version: mesh.Version, Name: p.Name, Incarnation: p.Incarnation.String(), UptimeMS: uptime})
		if err != nil {
			e.t.Fatal(err)
		}
		if err := e.plane.Publish(subject, data); err != nil {
			e.t.Fatal(err)
		}
	}
	for _, p := range e.peers {
		say(p, mesh.NewsSubject(p.Name), 0)
	}
	say(e.peers[0], mesh.StateSubject(e.peers[0].Name), everybody)
	for {
		var s mesh.State
		m := receive(e.t, e.local)
		if err := json.Unmarshal(m.Data, &s); err != nil || m.Subject != mesh.StateSubject(s.Name) {
			e.t.Fatalf("%s: %s, %v", m.Subject, m.Data, err)
		}
		switch {
		case s.Sequence > 0: // it was the node itself
		case s.UptimeMS == everybody:
			slices.Sort(heard)
			return heard
		default:
			heard = append(heard, s.Name)
		}
	}
}
