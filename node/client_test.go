package node_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A client flaps while its task waits: the answer finds it on its new connection.
func TestClientFlapsWhileItsTaskWaits(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	back := make(chan struct{}, 1)
	client := m.Client("DC1", nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	answers := ask(t, client, task("x"))
	m.Await("DC1", "the task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
	if err := client.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	receive(t, back)
	if err := client.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), "x", "DC1")
	wantStats(t, m, "DC1", 1, 0)
}

// Nobody looks whether a client is still there: its task is done all the same.
func TestClientGone(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	client := m.Client("DC1")
	ask(t, client, task("x"))
	client.Close()
	w := rawWorker(t, m, "DC1")
	got := receive(t, w.tasks)
	w.answer(got, nil, got.Data)
	m.Await("DC1", "the answer", func(v node.View) bool { return v.Stats.Answered == 1 })
	m.AwaitIdle("DC1", "", 1)
}
