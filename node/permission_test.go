package node_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// On an existing NATS a node needs no right but those of docs/protocol.md: it
// answers where it was asked to, and where responses are allowed.
func TestPermissions(t *testing.T) {
	t.Parallel()
	user := func(name string) *server.User {
		return &server.User{Username: name, Password: "secret", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"cloud.*", "cloud.*.held", "state." + name, "state." + name + ".news"}},
			Response:  &server.ResponsePermission{MaxMsgs: 10, Expires: time.Minute},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>", "cloud." + name, "cloud." + name + ".held", "state.*", "state.*.news"}},
		}}
	}
	plane := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, Users: []*server.User{user("DC1"), user("DC2")},
	})
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) {
		c.CloudURL = "nats://" + c.Name + ":secret@" + plane.Addr().String()
	}))
	g := newGate()
	m.Work("DC2", 1, g.handle)
	client := m.Client("DC1")
	first := ask(t, client, task("first"))
	receive(t, g.began)
	second := ask(t, client, task("second"))
	m.Await("DC1", "the second to wait or to be at DC2", func(v node.View) bool { return v.Stats.Requests == 2 })
	close(g.open)
	wantAnswer(t, receive(t, first), "first", "DC2")
	wantAnswer(t, receive(t, second), "second", "DC2")
	wantAnswer(t, receive(t, ask(t, client, &nats.Msg{Subject: mesh.CloudSubject("DC2"), Data: []byte("by name")})), "by name", "DC2")
	wantStats(t, m, "DC1", 0, 0)
}
