package node_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A node that stood still while it was to look at what the census had found takes
// new workers in at once when it goes on. That time is none of the census, which
// rests for nine times as long as it took.
func TestCensusAfterStall(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	client := m.Client("DC1")
	ready := func() {
		inbox := client.NewInbox()
		if _, err := client.SubscribeSync(inbox); err != nil {
			t.Fatal(err)
		}
		publish(t, client, &nats.Msg{Subject: mesh.SubjectReady, Reply: inbox})
	}
	ready()
	m.AwaitWorkers("DC1", "", 1)
	goOn := stall(t, m)
	ready() // it is handed to the census when the loop goes on, which then stands still once more
	stands, release := nextStall(t, m)
	if err := m.Node("DC1").Local().FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	goOn()
	receive(t, stands)
	time.Sleep(nodetest.Timeout / 8)
	release()
	m.AwaitWorkers("DC1", "", 2)
	ready()
	m.AwaitWorkers("DC1", "", 3)
}
