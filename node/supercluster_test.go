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
	m.Work("DC2", 4, echo)
	client := m.Client("DC1")
	const tasks = 200
	for i := range tasks {
		body := strconv.Itoa(i)
		wantAnswer(t, receive(t, ask(t, client, task(body))), body, "DC2")
	}
	wantStats(t, m, "DC2", tasks, 0)
	wantStats(t, m, "DC1", 0, 0)
}
