package node_test

import (
	"encoding/json"
	"fmt"
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
// that is asked, is served nevertheless. Most of the members are there by their word
// only: so many real ones take a fifth of a core to stay acquainted.
func TestLargeMesh(t *testing.T) {
	t.Parallel()
	var members []mesh.Member
	join := func(name string) mesh.Member {
		members = append(members, mesh.Member{Name: name, Region: []string{"eu", "us"}[len(members)%2]}) // by turns
		return members[len(members)-1]
	}
	m := nodetest.Start(t, 5, patient, nodetest.WithConfig(func(c *node.Config) { c.Region = join(c.Name).Region }))
	names := m.Names()
	for len(members) < mesh.FullMesh+4 {
		join(fmt.Sprint("word-", len(members)))
	}
	speakFor(t, m.CloudClient("DC1"), members[len(names):])
	for _, name := range names {
		m.Await(name, "all members", func(v node.View) bool { return len(v.Peers) == len(members)-1 })
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

// speakFor has members in the mesh that have no node: it says their heartbeats, and
// answers what they are asked, which is how a peer finds out whether they live.
func speakFor(t testing.TB, plane *nats.Conn, members []mesh.Member) {
	t.Helper()
	for _, member := range members {
		if _, err := plane.Subscribe(mesh.HeldSubject(member.Name), func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
			t.Fatal(err)
		}
	}
	beats := func(sequence uint64) {
		for _, member := range members {
			data, err := json.Marshal(mesh.State{Version: mesh.Version, Name: member.Name, Region: member.Region, Incarnation: "1", Sequence: sequence})
			if err != nil {
				t.Error(err)
			}
			_ = plane.Publish(mesh.StateSubject(member.Name), data) // fails when the test is over
		}
	}
	ended, beat := make(chan struct{}), time.NewTicker(500*time.Millisecond)
	t.Cleanup(func() { beat.Stop(); <-ended })
	go func() {
		defer close(ended)
		for sequence := uint64(1); ; sequence++ {
			beats(sequence)
			select {
			case <-beat.C:
			case <-t.Context().Done():
				return
			}
		}
	}()
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
