package node_test

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// startSupercluster starts two NATS clusters of one server each, joined by gateways.
func startSupercluster(t testing.TB) (a, b *server.Server) {
	t.Helper()
	start := func(name string, others ...*server.RemoteGatewayOpts) *server.Server {
		return startNATS(t, &server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			Gateway: server.GatewayOpts{Name: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, Gateways: others},
		})
	}
	a = start("A")
	b = start("B", &server.RemoteGatewayOpts{Name: "A", URLs: []*url.URL{{Scheme: "nats", Host: a.GatewayAddr().String()}}})
	return a, b
}

// Nodes on a supercluster, one at each of its clusters: tasks and answers cross the
// gateways.
func TestSupercluster(t *testing.T) {
	t.Parallel()
	a, b := startSupercluster(t)
	urls := map[string]string{"DC1": a.ClientURL(), "DC2": b.ClientURL()}
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.CloudURL = urls[c.Name] }))
	m.WorkService("DC1", "one", 4, echo)
	m.WorkService("DC2", "two", 4, echo)
	client1, client2 := m.Client("DC1"), m.Client("DC2")
	const tasks = 100
	for i := range tasks {
		body := strconv.Itoa(i)
		wantAnswer(t, receive(t, ask(t, client1, taskFor("two", body))), body, "DC2")
		wantAnswer(t, receive(t, ask(t, client2, taskFor("one", body))), body, "DC1")
	}
	for _, name := range m.Names() {
		wantStats(t, m, name, tasks, 0)
		if s := m.View(name).Stats; s.AnsweredAgain > tasks/2 { // on a starved machine one or the other
			t.Errorf("the answers of %s are lost at first: %+v", name, s)
		}
	}
}
