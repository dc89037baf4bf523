package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// lossy is an existing NATS, as cloud plane, that loses what it is told to.
type lossy struct {
	t      testing.TB
	server *server.Server
	lost   chan *nats.Msg
}

func startLossy(t testing.TB) *lossy {
	t.Helper()
	s := startPlane(t, 2<<20)
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Timeout(nodetest.Timeout))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	l := &lossy{t: t, server: s, lost: make(chan *nats.Msg, 1<<16)}
	if _, err := nc.ChanSubscribe("lost.>", l.lost); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	return l
}

// Subjects of answers to a node, by what was asked; see mesh/link.
const (
	answersToTasks     = "_INBOX.*.t.*"
	answersToQuestions = "_INBOX.*.h.*"
)

// lose begins to lose what is sent to a subject.
func (l *lossy) lose(subject string) {
	l.t.Helper()
	to := "lost." + subject
	switch subject {
	case answersToTasks, answersToQuestions:
		to = "lost.{{wildcard(1)}}.{{wildcard(2)}}"
	}
	if err := l.server.GlobalAccount().AddMapping(subject, to); err != nil {
		l.t.Fatal(err)
	}
}

// until waits until a message was lost that counts, and loses no more.
func (l *lossy) until(subject string, counts func(*nats.Msg) bool) {
	l.t.Helper()
	for !counts(receive(l.t, l.lost)) {
	}
	if !l.server.GlobalAccount().RemoveMapping(subject) {
		l.t.Fatalf("nothing is lost of %s", subject)
	}
}

func anything(*nats.Msg) bool { return true }

// something tells a question about tasks, or its answer, from a ping.
func something(m *nats.Msg) bool { return len(m.Data) > 0 }

func refusal(m *nats.Msg) bool { return m.Header.Get(mesh.HeaderRefusal) != "" }

// One message between two healthy nodes is lost: the tasks are done all the same,
// once, for a lost answer is sent again.
func TestLostMessage(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		subject string
		counts  func(*nats.Msg) bool
		lost    uint64
		again   uint64
	}{
		"the delegation": {"cloud.DC2", anything, 1, 0},
		"its answer":     {answersToTasks, anything, 0, 1},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l, m := lossyMesh(t)
			m.Work("DC2", 1, echo)
			l.lose(c.subject)
			answers := ask(t, m.Client("DC1"), task("x"))
			l.until(c.subject, c.counts)
			wantAnswer(t, receive(t, answers), "x", "DC2")
			wantStats(t, m, "DC2", 1, 0)
			wantStats(t, m, "DC1", 0, c.lost)
			if s := m.View("DC2").Stats; s.AnsweredAgain < c.again || c.again == 0 && s.AnsweredAgain > 0 {
				t.Errorf("DC2 answered %d times again: %+v", s.AnsweredAgain, s)
			}
		})
	}
	for what, c := range map[string]struct {
		subject string
		counts  func(*nats.Msg) bool
	}{
		"the question about a lost delegation": {mesh.HeldSubject("DC2"), something},
		"the answer to that question":          {answersToQuestions, something},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l, m := lossyMesh(t)
			m.Work("DC2", 1, echo)
			l.lose(mesh.CloudSubject("DC2"))
			l.lose(c.subject)
			answers := ask(t, m.Client("DC1"), task("x"))
			l.until(mesh.CloudSubject("DC2"), anything)
			l.until(c.subject, c.counts)
			wantAnswer(t, receive(t, answers), "x", "DC2")
			wantStats(t, m, "DC2", 1, 0)
			wantStats(t, m, "DC1", 0, 1)
		})
	}
	t.Run("the news of a worker", func(t *testing.T) {
		t.Parallel()
		l, m := lossyMesh(t)
		answers := ask(t, m.Client("DC1"), task("x"))
		m.Await("DC2", "a task to wait at DC1", func(v node.View) bool { w, _ := v.Peer("DC1", ""); return w.Waiting == 1 })
		l.lose(mesh.StateSubject("DC2"))
		worker := m.Client("DC2")
		go func() {
			_ = workerpool.Run(t.Context(), worker, workerpool.Config{Workers: 1}, workerpool.HandlerFunc(echo))
		}()
		l.until(mesh.StateSubject("DC2"), func(m *nats.Msg) bool { return strings.Contains(string(m.Data), `"idle":1`) })
		wantAnswer(t, receive(t, answers), "x", "DC2")
		wantStats(t, m, "DC2", 1, 0)
		wantStats(t, m, "DC1", 0, 0)
	})
	t.Run("the refusal", func(t *testing.T) {
		t.Parallel()
		l, m := lossyMesh(t)
		g := newGate()
		m.Work("DC2", 1, g.handle)
		l.lose(mesh.StateSubject("DC2")) // DC1 does not learn that the worker is busy
		own := ask(t, m.Client("DC2"), task("own"))
		receive(t, g.began)
		l.lose(answersToTasks)
		answers := ask(t, m.Client("DC1"), task("x"))
		l.until(answersToTasks, refusal)
		l.until(mesh.StateSubject("DC2"), anything)
		close(g.open)
		wantAnswer(t, receive(t, own), "own", "DC2")
		wantAnswer(t, receive(t, answers), "x", "DC2")
		wantStats(t, m, "DC2", 2, 0)
		if s := m.View("DC2").Stats; s.GuestsBack != 1 {
			t.Errorf("DC2 gave %d guests back: %+v", s.GuestsBack, s)
		}
		wantStats(t, m, "DC1", 0, 1)
	})
	t.Run("the goodbye", func(t *testing.T) {
		t.Parallel()
		l, m := lossyMesh(t)
		m.Work("DC2", 1, echo)
		l.lose(mesh.StateSubject("DC2"))
		m.Shutdown("DC2")
		l.until(mesh.StateSubject("DC2"), anything)
		answers := ask(t, m.Client("DC1"), task("x"))
		m.Work("DC1", 1, echo)
		wantAnswer(t, receive(t, answers), "x", "DC1")
		m.Await("DC1", "to be alone", func(v node.View) bool { return len(v.Peers) == 0 })
		wantStats(t, m, "DC1", 1, 0)
	})
}

// lossyMesh is two nodes on such a plane.
func lossyMesh(t testing.TB) (*lossy, *nodetest.Mesh) {
	t.Helper()
	l := startLossy(t)
	return l, nodetest.Start(t, 2, patient, onPlane(l.server.ClientURL()))
}

// A peer takes a task and is never heard again, though it is there: when it has
// expired the task is done elsewhere, and its answer comes too late.
func TestStuckPeer(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	nc := m.CloudClient("DC1", nats.NoEcho())
	messages := make(chan *nats.Msg, 1000)
	for _, subject := range []string{mesh.CloudSubject("DC9"), mesh.HeldSubject("DC9")} {
		if _, err := nc.ChanSubscribe(subject, messages); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, nc, &nats.Msg{Subject: mesh.StateSubject("DC9"), Data: []byte(
		`{"version":1,"name":"DC9","incarnation":"abc","sequence":1,"services":[{"service":"","workers":1,"idle":1}]}`)})
	heard := time.Now()
	m.Await("DC1", "the peer", func(v node.View) bool { return len(v.Peers) == 1 })
	answers := ask(t, m.Client("DC1"), task("x"))
	got := receive(t, messages)
	if got.Subject == mesh.HeldSubject("DC9") { // how far is it?
		got = receive(t, messages)
	}
	if got.Header.Get(mesh.HeaderDelegation) == "" {
		t.Fatalf("got %s %v", got.Subject, got.Header)
	}
	m.Work("DC1", 1, echo)
	wantAnswer(t, receive(t, answers), "x", "DC1")
	t.Logf("answered %v after its last word", time.Since(heard))
	wantStats(t, m, "DC1", 1, 1)
	publish(t, nc, &nats.Msg{Subject: got.Reply, Data: []byte("too late")})
	m.Await("DC1", "the late answer", func(v node.View) bool { return v.Stats.Fenced == 1 })
}

// A peer is killed with a task of ours in hand. On the embedded plane the servers
// tell, on an existing NATS only its silence does.
func TestKilledPeer(t *testing.T) {
	t.Parallel()
	for what, start := range map[string]func(t testing.TB) *nodetest.Mesh{
		"embedded": func(t testing.TB) *nodetest.Mesh { return nodetest.Start(t, 2, patient) },
		"existing": func(t testing.TB) *nodetest.Mesh { _, m := lossyMesh(t); return m },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := start(t)
			w := rawWorker(t, m, "DC2")
			answers := ask(t, m.Client("DC1"), task("x"))
			receive(t, w.tasks)
			m.Work("DC1", 1, echo)
			m.Kill("DC2")
			killed := time.Now()
			wantAnswer(t, receive(t, answers), "x", "DC1")
			t.Logf("answered %v later", time.Since(killed))
			wantStats(t, m, "DC1", 1, 1)
		})
	}
}
