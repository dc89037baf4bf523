package node_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A worker that answers twice is free after the first answer; the second is
// counted and reaches nobody.
func TestAnswerTwice(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	w := rawWorker(t, m, "DC1")
	client := m.Client("DC1")
	for _, payload := range []string{"one", "two"} {
		answers := ask(t, client, task(payload))
		got := receive(t, w.tasks)
		before := m.View("DC1").Complaints["answer to an attempt that is no more"]
		w.answer(got, nil, got.Data)
		w.answer(got, nil, []byte("again"))
		wantAnswer(t, receive(t, answers), payload, "DC1")
		m.Await("DC1", "the second answer", func(v node.View) bool {
			return v.Complaints["answer to an attempt that is no more"] == before+1
		})
		if err := client.FlushTimeout(nodetest.Timeout); err != nil {
			t.Fatal(err)
		}
		if len(answers) > 0 {
			t.Errorf("the client has a second answer: %q", (<-answers).Data)
		}
	}
	if v := m.View("DC1"); v.Load("").Workers != 1 || v.Load("").Idle != 1 || v.Stats.Answered != 2 {
		t.Errorf("%+v", v)
	}
}

// What a worker says about itself in the mesh's headers does not count, and a
// status that only servers may give does not make an answer none.
func TestForgedAnswer(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	w := rawWorker(t, m, "DC2")
	for name, forged := range map[string]nats.Header{
		"status":      {"Status": {"503"}},
		"status line": {"Status": {"503"}, "Description": {"No Responders"}},
		"about a task of another": {
			"Status": {"503"}, "Nats-Subject": {"_INBOX.another"},
		},
		"refusal":  {mesh.HeaderRefusal: {"0;not done"}},
		"capacity": {mesh.HeaderCapacity: {"1;DC9;abc;1;;1;1;0"}},
		"who":      {mesh.HeaderNode: {"DC9"}, mesh.HeaderWorker: {"me"}, mesh.HeaderHops: {"7"}, mesh.HeaderAttempt: {"x"}},
	} {
		for _, at := range []string{"DC2", "DC1"} {
			t.Run(name+" to "+at, func(t *testing.T) {
				m.AwaitIdle("DC2", "", 1)
				forged["X-Kept"] = []string{"yes"}
				answers := ask(t, m.Client(at), task("x"))
				w.answer(receive(t, w.tasks), forged, nil)
				got := receive(t, answers)
				wantAnswer(t, got, "", "DC2")
				for _, h := range []string{"Status", "Description", mesh.HeaderRefusal, mesh.HeaderCapacity} {
					if v := got.Header.Get(h); v != "" {
						t.Errorf("the answer has %s: %s", h, v)
					}
				}
				hops := map[string]string{"DC1": "1", "DC2": "0"}[at]
				if got.Header.Get(mesh.HeaderHops) != hops || got.Header.Get(mesh.HeaderWorker) != w.inbox || got.Header.Get("X-Kept") != "yes" {
					t.Errorf("headers %v; want hops %s and worker %s", got.Header, hops, w.inbox)
				}
			})
		}
	}
	if peers := m.View("DC1").Peers; len(peers) != 1 {
		t.Errorf("peers %+v", peers)
	}
}

// The largest answer that a worker can send has no room for the mesh's headers:
// the client is told, wherever and however it asked.
func TestAnswerTooLarge(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	w := rawWorker(t, m, "DC2")
	huge := make([]byte, w.nc.MaxPayload())
	large := bytes.Repeat([]byte("x"), node.MaxTask)
	for at, subject := range map[string]string{"DC2": "localfe", "DC1": "localfe", "DC1 by name": "cloud.DC2"} {
		t.Run("to "+at, func(t *testing.T) {
			client := m.Client(at[:3])
			for _, data := range [][]byte{huge, large} {
				m.AwaitIdle("DC2", "", 1)
				answers := ask(t, client, signed(&nats.Msg{Subject: subject}))
				w.answer(receive(t, w.tasks), nil, data)
				if got := receive(t, answers); len(data) > node.MaxTask {
					wantError(t, got, "500")
				} else {
					wantAnswer(t, got, string(data), "DC2")
				}
			}
		})
	}
}

// A state that bears a node's own name is looked into: nobody holds the name,
// so the node lives on.
func TestNameClaimedByNobody(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	m.Work("DC1", 1, echo)
	publish(t, m.CloudClient("DC2"), &nats.Msg{Subject: "state.DC1", Data: []byte(`{"version":1,"name":"DC1","incarnation":"abc","sequence":1,"services":[]}`)})
	m.Await("DC1", "the question", func(v node.View) bool {
		return v.Complaints["a state that claims to be ours: asking whether another node has this name"] == 1
	})
	wantAnswer(t, m.Request("DC1", "", []byte("x")), "x", "DC1")
	// DC2 believed it, until it has heard nothing more of that incarnation.
	m.AwaitWorkers("DC1", "", 1)
	wantAnswer(t, m.Request("DC2", "", []byte("x")), "x", "DC1")
}

// Who may send a node tasks on an existing NATS may have no right to speak for it. An
// answer that would count as the node's own state, or as a task of it, is not given.
func TestAnswersThatSpeakForTheNode(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	m.Work("DC2", 1, echo)
	peers := m.View("DC1").Peers
	goodbye := fmt.Sprintf(`{"version":1,"name":"DC2","incarnation":"%s","sequence":1000000,"leaving":true,"services":[]}`, peers[0].Incarnation)
	stranger := m.CloudClient("DC1")
	for _, reply := range []string{"state.DC2", "cloud.DC1", "cloud.DC1.held"} {
		publish(t, stranger, &nats.Msg{Subject: "cloud.DC2", Reply: reply, Data: []byte(goodbye)})
		publish(t, stranger, &nats.Msg{Subject: "cloud.DC2", Reply: reply, Header: nats.Header{mesh.HeaderDelegation: {"x"}}})
		publish(t, stranger, &nats.Msg{Subject: "cloud.DC2.held", Reply: reply})
	}
	v := m.Await("DC2", "nine complaints", func(v node.View) bool { return v.Complaints["malformed message on the cloud plane"] == 9 })
	if v.Stats.Requests > 0 {
		t.Errorf("%d tasks were taken", v.Stats.Requests)
	}
	wantAnswer(t, receive(t, ask(t, m.Client("DC1"), task("x"))), "x", "DC2")
	if v := m.View("DC1"); len(v.Peers) != 1 || len(v.Complaints) > 0 {
		t.Errorf("DC1 sees %v and complains of %v", v.Peers, v.Complaints)
	}
}

// A peer that is announced but not there attracts a task: it comes back at once
// and waits for a real worker.
func TestPhantomPeer(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	g := newGate()
	m.Work("DC1", 1, g.handle)
	client := m.Client("DC1")
	first := ask(t, client, task("first"))
	receive(t, g.began)
	publish(t, m.CloudClient("DC2"), &nats.Msg{Subject: "state.DC9", Data: []byte(`{"version":1,"name":"DC9","incarnation":"abc","sequence":1,"services":[{"workers":9,"idle":9}]}`)})
	m.Await("DC1", "the phantom", func(v node.View) bool { _, known := v.Peer("DC9", ""); return known })
	second := ask(t, client, task("second"))
	m.Await("DC1", "the task that waits", func(v node.View) bool { return v.Load("").Waiting == 1 })
	close(g.open)
	wantAnswer(t, receive(t, first), "first", "DC1")
	wantAnswer(t, receive(t, second), "second", "DC1")
}

// A worker that answers after its task was given up does what the protocol asks for:
// it is idle again, and nobody complains of it.
func TestAnswerAfterTheDeadline(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	w := rawWorker(t, m, "DC1")
	answers := ask(t, m.Client("DC1"), within("100ms", task("late")))
	got := receive(t, w.tasks)
	wantError(t, receive(t, answers), "504")
	w.answer(got, nil, got.Data)
	m.AwaitIdle("DC1", "", 1)
	if v := m.View("DC1"); v.Stats.Fenced != 1 || len(v.Complaints) > 0 {
		t.Errorf("%d fenced, complaints %v", v.Stats.Fenced, v.Complaints)
	}
}
