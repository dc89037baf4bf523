package node_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// To tell all decisions takes a while, and a question takes a few bytes: a flood of
// them is refused, for the most part, and who asks about one attempt is answered.
func TestFloodOfQuestions(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	client := m.Client("DC1")
	const questions = 5000
	answers, inbox := make(chan *nats.Msg, questions), client.NewInbox()
	if _, err := client.ChanSubscribe(inbox, answers); err != nil {
		t.Fatal(err)
	}
	for range questions {
		if err := client.PublishRequest(mesh.SubjectWhy, inbox, nil); err != nil {
			t.Fatal(err)
		}
	}
	codes := make(map[string]int)
	for range questions {
		code, _ := nodetest.ErrorOf(receive(t, answers))
		codes[code]++
	}
	if codes[""] == 0 || codes["429"] == 0 || len(codes) != 2 {
		t.Errorf("answered with %v", codes)
	}
	got := receive(t, ask(t, client, &nats.Msg{Subject: mesh.SubjectWhy, Data: []byte(somebody.String())}))
	if code, text := nodetest.ErrorOf(got); code != "" {
		t.Errorf("about one attempt: %s %s", code, text)
	}
}
