package node_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// However many READYs, leaves or false answers come while a node stands still, a
// worker's answer is not lost in them: it is kept, or the task runs again.
func TestFloodOfWorkers(t *testing.T) {
	t.Parallel()
	for what, flood := range map[string]*nats.Msg{
		"READY":   {Subject: mesh.SubjectReady, Reply: "nobody.here"},
		"leave":   {Subject: mesh.SubjectLeave, Data: []byte("nobody.here")},
		"answers": {Subject: mesh.SubjectDone},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 1, patient)
			w, client := rawWorker(t, m, "DC1"), m.Client("DC1")
			answers := ask(t, client, task("x"))
			got := receive(t, w.tasks)
			goOn := stall(t, m)
			for range 1 << 16 {
				if err := client.PublishMsg(flood); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, client, flood)
			w.answer(got, nil, got.Data)
			if err := m.Node("DC1").Local().FlushTimeout(nodetest.Timeout); err != nil { // it has all that came before
				t.Fatal(err)
			}
			goOn()
			for over := time.After(nodetest.Timeout); ; {
				select {
				case m := <-answers:
					wantAnswer(t, m, "x", "DC1")
					return
				case again := <-w.tasks:
					w.answer(again, nil, again.Data)
				case <-time.After(100 * time.Millisecond):
					w.ready("")
				case <-over:
					t.Fatal("the task is lost")
				}
			}
		})
	}
}
