package workerpool_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Quick tasks that come together are answered together. Each is answered all the
// same, and before its worker unsubscribes.
func TestQuickTasksTogether(t *testing.T) {
	const workers, rounds = 64, 20
	n, nc, l := setup(t)
	n.silent.Store(true) // it confirms when the last task is under way
	p := run(t, nc, workerpool.Config{Workers: workers}, echo)
	var inboxes []string
	for range workers {
		inboxes = append(inboxes, n.next(mesh.SubjectReady).Reply)
	}
	together := func() (answers map[string]bool) {
		answers = make(map[string]bool)
		for _, inbox := range inboxes {
			answers[n.dispatch(inbox, inbox)] = true
		}
		return answers
	}
	for range rounds {
		for answers := together(); len(answers) > 0; {
			m := n.await(mesh.SubjectDone + ".")
			if !answers[m.Subject] {
				t.Fatalf("answer to %s, which is no task or answered", m.Subject)
			}
			delete(answers, m.Subject)
		}
	}

	p.stop()
	var leaves []*nats.Msg
	for range workers {
		leaves = append(leaves, n.await(mesh.SubjectLeave))
	}
	last := together()
	n.silent.Store(false) // one that said it twice is confirmed then
	for _, m := range leaves {
		if err := m.Respond(nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := receive(t, p.err); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	wrote := l.written.String()
	for done := range last {
		answer := strings.Index(wrote, "PUB localbe.done "+attemptOf(done)+" ")
		if answer < 0 {
			t.Fatalf("%s was not answered", done)
		}
		inbox := strings.SplitN(wrote[answer:], "\r\n", 3)[1] // the body
		id := regexp.MustCompile("SUB " + regexp.QuoteMeta(inbox) + " +([0-9]+)\r\n").FindStringSubmatch(wrote)
		if id == nil {
			t.Fatalf("%q is no inbox", inbox)
		}
		if end := strings.Index(wrote, "UNSUB "+id[1]+" \r\n"); end < answer {
			t.Errorf("%s was answered at %d, its worker unsubscribed at %d", done, answer, end)
		}
	}
}
