package node_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// doorman lets nobody in until he has refused a few.
type doorman struct{ left atomic.Int32 }

func (d *doorman) Check(server.ClientAuthentication) bool { return d.left.Add(-1) < 0 }

// An existing NATS that refuses a sign-in may accept it later: its accounts are not
// loaded yet, a password was changed here before there. The node is told to those who
// run it, goes on alone, and is back when it is let in.
func TestPlaneRefusesForAWhile(t *testing.T) {
	t.Parallel()
	address := nodetest.Addresses(t, 1)[0]
	plane := func() *server.Server {
		d := &doorman{}
		d.left.Store(4) // so one of two nodes is refused twice in a row
		at := netip.MustParseAddrPort(address)
		nodetest.AwaitFree(t, address)
		return startNATS(t, &server.Options{
			Host: at.Addr().String(), Port: int(at.Port()), NoSigs: true, NoLog: true, CustomClientAuthentication: d,
		})
	}
	said := make(lines, 1000)
	wantReason := func(when string) {
		t.Helper()
		for len(said) > 0 {
			line := strings.ToLower(<-said)
			if strings.Contains(line, "no connection to the cloud plane") && strings.Contains(line, "authorization violation") {
				return
			}
		}
		t.Errorf("%s: nothing is said of the refusal", when)
	}
	first := plane()
	m := nodetest.Start(t, 1, patient, onPlane("nats://somebody:secret@"+address), nodetest.WithConfig(func(c *node.Config) {
		c.Logger = slog.New(slog.NewTextHandler(said, nil))
	}))
	m.Add("DC2")
	m.AwaitMesh()
	wantReason("at the start")

	first.Shutdown()
	first.WaitForShutdown()
	plane()
	m.Work("DC2", 1, echo)
	wantAnswer(t, receive(t, ask(t, m.Client("DC1"), task("x"))), "x", "DC2")
}
