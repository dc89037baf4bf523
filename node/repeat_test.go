package node_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// withID is a task with an id of its client's choice.
func withID(id, payload string) *nats.Msg {
	m := task(payload)
	m.Header = nats.Header{nats.MsgIdHdr: {id}}
	return m
}

// A request with an id is done once, at home or at a peer, however often it is
// sent: while it runs the repeats join it, and later they get the kept answer.
func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"DC1", "DC2"} {
		t.Run("done by "+by, func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 2)
			work := newGate()
			m.Work(by, 1, work.handle)
			client, other := m.Client("DC1"), m.Client("DC1")
			first := ask(t, client, withID("a", "hello"))
			receive(t, work.began)
			joined := ask(t, other, withID("a", "hello"))
			m.Await("DC1", "the repeat", func(v node.View) bool { return v.Stats.Repeated == 1 })
			wantError(t, receive(t, ask(t, other, withID("a", "something else"))), "409")
			close(work.open)
			answers := []*nats.Msg{receive(t, first), receive(t, joined), receive(t, ask(t, other, withID("a", "hello")))}
			for _, answer := range answers {
				wantAnswer(t, answer, "hello", by)
				if answer.Header.Get(mesh.HeaderAttempt) != answers[0].Header.Get(mesh.HeaderAttempt) {
					t.Errorf("done twice: %v and %v", answers[0].Header, answer.Header)
				}
			}
			wantAnswer(t, receive(t, ask(t, client, withID("b", "hello"))), "hello", by)
			if s := m.View(by).Stats; s.Dispatched != 2 {
				t.Errorf("%d tasks were done, want 2", s.Dispatched)
			}
		})
	}
}
