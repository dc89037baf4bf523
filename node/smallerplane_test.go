package node_test

import (
	"net/netip"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// startPlane starts an existing NATS that allows messages of so many bytes.
func startPlane(t testing.TB, limit int32) *server.Server {
	t.Helper()
	return startPlaneOn(t, nodetest.Addresses(t, 1)[0], limit)
}

// startPlaneOn starts one, also where one was before.
func startPlaneOn(t testing.TB, address string, limit int32) *server.Server {
	t.Helper()
	at := netip.MustParseAddrPort(address)
	nodetest.AwaitFree(t, address)
	return startNATS(t, &server.Options{Host: at.Addr().String(), Port: int(at.Port()), NoSigs: true, NoLog: true, MaxPayload: limit})
}

// onPlane has nodes use an existing NATS.
func onPlane(url string) nodetest.Option {
	return nodetest.WithConfig(func(c *node.Config) { c.CloudURL = url })
}

func startNATS(t testing.TB, opts *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(nodetest.Timeout) {
		t.Fatal("the server does not start")
	}
	return s
}

// A task waits that the cloud plane would take; the plane comes back with a
// smaller limit. The task is done at home, and its peer gets others as before.
func TestPlaneComesBackWithASmallerLimit(t *testing.T) {
	t.Parallel()
	plane := startPlane(t, 1<<20)
	m := nodetest.Start(t, 2, patient, onPlane(plane.ClientURL()))
	large := string(make([]byte, 256<<10))
	client := m.Client("DC1")
	answers := ask(t, client, task(large))
	m.Await("DC1", "the task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })

	address := plane.Addr().String()
	plane.Shutdown()
	plane.WaitForShutdown()
	startPlaneOn(t, address, 128<<10)
	m.Work("DC2", 1, echo)
	m.Await("DC1", "a delegation that cannot be sent", func(v node.View) bool { return v.Stats.Delegated > 0 })
	wantAnswer(t, receive(t, ask(t, client, task("small"))), "small", "DC2")
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), large, "DC1")
}
