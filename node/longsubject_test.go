package node_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A server cuts off who sends a line that is too long for it, the node's own
// connection too, which the NATS library then closes for good. So no stranger makes it send
// one.
func TestLongSubjects(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	for what, provoke := range map[string]func(t *testing.T, m *nodetest.Mesh){
		"an inbox": func(t *testing.T, m *nodetest.Mesh) {
			nc := m.Client("DC1")
			inbox := long + strings.Repeat("x", 75)
			if _, err := nc.SubscribeSync(inbox); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, &nats.Msg{Subject: mesh.SubjectReady, Reply: inbox})
			m.Await("DC1", "a complaint or a worker", func(v node.View) bool { return len(v.Complaints) == 1 || v.Load("").Workers == 1 })
			wantError(t, receive(t, ask(t, nc, within("10ms", task("x")))), "404")
		},
		"a subject for cancels": func(t *testing.T, m *nodetest.Mesh) {
			nc := m.Client("DC1")
			inbox := nc.NewInbox()
			if _, err := nc.SubscribeSync(inbox); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, &nats.Msg{Subject: mesh.SubjectReady, Reply: inbox, Header: header(mesh.HeaderCancel, long+long)})
			m.AwaitWorkers("DC1", "", 1)
			wantError(t, receive(t, ask(t, nc, within("10ms", task("x")))), "504")
		},
		"a reply subject": func(t *testing.T, m *nodetest.Mesh) {
			w, nc := rawWorker(t, m, "DC1"), m.Client("DC1")
			reply := long + strings.Repeat("x", 86)
			answers := make(chan *nats.Msg, 1)
			if _, err := nc.ChanSubscribe(reply, answers); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, &nats.Msg{Subject: mesh.SubjectRequest, Reply: reply})
			select {
			case got := <-answers:
				wantError(t, got, "400")
			case got := <-w.tasks:
				w.answer(got, header("X", "y"), make([]byte, node.MaxTask))
			}
			w.nc.Close()
			m.AwaitWorkers("DC1", "", 0) // or it might be counted with those that come
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 1)
			provoke(t, m)
			m.Work("DC1", 1, echo)
			wantAnswer(t, m.Request("DC1", "", []byte("x")), "x", "DC1")
			if n := m.Node("DC1").Local().Stats().Reconnects; n != 0 {
				t.Errorf("the node was cut off from its own server %d times", n)
			}
		})
	}
}
