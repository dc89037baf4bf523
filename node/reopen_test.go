package node_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// An existing NATS allows less from now on, and tells nobody: it cuts off who sends more.
// The node goes on, and knows better then.
func TestPlaneAllowsLess(t *testing.T) {
	t.Parallel()
	options := func(limit int32) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: limit}
	}
	plane := startNATS(t, options(1<<20))
	m := nodetest.Start(t, 2, patient, onPlane(plane.ClientURL()))
	m.Work("DC2", 1, echo)
	if err := plane.ReloadOptions(options(128 << 10)); err != nil {
		t.Fatal(err)
	}
	large := string(make([]byte, 256<<10))
	client := m.Client("DC1")
	answers := ask(t, client, task(large))
	m.Await("DC1", "the task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	wantAnswer(t, receive(t, ask(t, client, task("x"))), "x", "DC2")
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), large, "DC1")
}

// An existing NATS lets the node sign in and cuts it off for good right then, over and
// over. The node tries on.
func TestCutOffAtOnce(t *testing.T) {
	t.Parallel()
	plane := startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	way := newSluice(t, plane.Addr().String(), "")
	m := nodetest.Start(t, 2, patient, onPlane("nats://"+way.addr))
	m.Work("DC2", 1, echo)
	client := m.Client("DC1")
	wantAnswer(t, receive(t, ask(t, client, task("before"))), "before", "DC2")
	way.cutting.Store(true)
	for end := time.Now().Add(nodetest.Timeout); way.cuts.Load() < 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("cut off %d times", way.cuts.Load())
		}
	}
	way.cutting.Store(false)
	wantAnswer(t, receive(t, ask(t, client, task("after"))), "after", "DC2")
}
