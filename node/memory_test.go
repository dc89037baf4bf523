package node_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The server keeps nothing of an answer for the connection it came on. Of subjects
// that are new each time it keeps the last 512, some 90 KiB for each worker. (Not in
// parallel: the heap has to be this test's.)
func TestAnswersLeaveNothingBehind(t *testing.T) {
	m := nodetest.Start(t, 1)
	const workers, tasks = 20, 600 // of each
	for range workers {
		m.Work("DC1", 1, echo) // on a connection of its own
	}
	do := func(each int) {
		for range workers * each { // in turns: the least recently used is next
			if got := receive(t, call(t.Context(), m.Node("DC1"), task("x"))); got.err != nil {
				t.Fatal(got.err)
			}
		}
	}
	do(10)
	before := heap()
	do(tasks)
	grown := (heap() - before) >> 10 / workers
	t.Logf("%d KiB more for each worker after %d tasks", grown, tasks)
	if grown > 30 {
		t.Error("that is too much")
	}
}

// A connection that has ended leaves nothing behind, on either plane: what it
// subscribed to is the stranger's choice. (Not in parallel, as above.)
func TestConnectionsLeaveNothingBehind(t *testing.T) {
	m := nodetest.Start(t, 1)
	const connections, subscriptions = 20, 200
	for plane, connect := range map[string]func(context.Context, ...nats.Option) (*nats.Conn, error){"local": m.Node("DC1").Connect, "cloud": m.Node("DC1").ConnectCloud} {
		t.Run(plane, func(t *testing.T) {
			come := func(connections int) {
				for range connections {
					nc, err := connect(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for i := range subscriptions {
						if _, err := nc.SubscribeSync(fmt.Sprintf("some.%d", i)); err != nil {
							t.Fatal(err)
						}
					}
					if err := nc.FlushTimeout(nodetest.Timeout); err != nil {
						t.Fatal(err)
					}
					nc.Close()
				}
			}
			come(10)
			before := heap()
			come(connections)
			for end := time.Now().Add(nodetest.Timeout); ; time.Sleep(100 * time.Millisecond) { // the server takes its time
				grown := (heap() - before) >> 10 / connections
				if grown > 8 && time.Now().Before(end) {
					continue
				}
				t.Logf("%d KiB more for each connection that came and went", grown)
				if grown > 8 {
					t.Error("that is too much")
				}
				return
			}
		})
	}
}

// Of a request to another node that waits for its answer the payload is not kept.
// (Not in parallel, as above.)
func TestRelaysKeepNoPayload(t *testing.T) {
	m := nodetest.Start(t, 1)
	asked := make(chan *nats.Msg, 1)
	if _, err := m.CloudClient("DC1").ChanSubscribe("cloud.silent", asked); err != nil {
		t.Fatal(err)
	}
	client := m.Client("DC1")
	payload := make([]byte, node.MaxTask)
	pass := func(n int) {
		for range n {
			publish(t, client, &nats.Msg{Subject: "cloud.silent", Reply: client.NewInbox(), Data: payload})
			receive(t, asked)
		}
	}
	pass(10)
	before := heap()
	const requests = 30
	pass(requests)
	grown := (heap() - before) >> 10 / requests
	t.Logf("%d KiB more for each request that waits", grown)
	if grown > node.MaxTask>>10/2 {
		t.Error("that is too much")
	}
}

// heap returns how much is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools let go at the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
