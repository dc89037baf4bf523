package workerpool_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Idle workers say READY right after a reconnect, and the pool leaves the
// connection's own handler alone.
func TestReadyAfterReconnect(t *testing.T) {
	reconnected := make(chan struct{}, 1)
	n, nc, l := setup(t, nats.ReconnectHandler(func(*nats.Conn) { reconnected <- struct{}{} }))
	p := run(t, nc, workerpool.Config{Workers: 3}, echo)
	inboxes := map[string]bool{}
	for range 3 {
		inboxes[n.next(mesh.SubjectReady).Reply] = true
	}
	for range 3 {
		l.cut()
		l.restore()
		receive(t, reconnected)
		for range 3 {
			if ready := n.next(mesh.SubjectReady); !inboxes[ready.Reply] {
				t.Errorf("READY of a new inbox %q", ready.Reply)
			}
		}
	}
	for inbox := range inboxes {
		n.next(n.dispatch(inbox, "x"))
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// A large pool repeats READY in parts, each worker once in a round.
func TestReadyInParts(t *testing.T) {
	const workers = 600 // three parts
	n, nc, _ := setup(t)
	run(t, nc, workerpool.Config{Workers: workers, ReadyInterval: 3 * time.Millisecond}, echo)
	var inboxes []string // in the order of the first READYs, of all at once
	for range workers {
		inboxes = append(inboxes, n.next(mesh.SubjectReady).Reply)
	}
	for range 2 {
		said := map[string]bool{}
		for part := range 3 {
			for i := part; i < workers; i += 3 {
				ready := n.next(mesh.SubjectReady).Reply
				if ready != inboxes[i] {
					t.Fatalf("worker %d of part %d: another says READY", i, part)
				}
				said[ready] = true
			}
		}
		if len(said) != workers {
			t.Errorf("%d workers said READY, not %d", len(said), workers)
		}
	}
}

// A worker with a task in hand is silent through ticks and a reconnect, while
// an idle one repeats READY all the time; then it answers, and is idle again.
func TestNoReadyWhileBusy(t *testing.T) {
	n, nc, _ := setup(t)
	release := make(chan struct{})
	run(t, nc, workerpool.Config{Workers: 2, ReadyInterval: time.Millisecond},
		func(_ context.Context, task *workerpool.Task) ([]byte, error) {
			err := nc.Publish("localbe.test.begun", nil)
			<-release
			return nil, err
		})
	busy := n.await(mesh.SubjectReady).Reply
	done := n.dispatch(busy, "x")
	n.await("localbe.test.begun")
	idle := func(repeats int) {
		t.Helper()
		for repeats > 0 {
			switch m := receive(t, n.heard); {
			case m.Subject == mesh.SubjectReady && m.Reply != busy:
				repeats--
			case m.Subject != "localbe.test.back":
				t.Fatalf("heard %q %q of a busy worker", m.Subject, m.Reply)
			default:
				repeats = 0
			}
		}
	}
	idle(20)
	events := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(events)
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	receive(t, events)
	if err := nc.Publish("localbe.test.back", nil); err != nil {
		t.Fatal(err)
	}
	idle(1 << 30) // until the message above
	idle(20)
	close(release)
	n.await(done)
	for n.await(mesh.SubjectReady).Reply != busy {
	}
}

// An answer given while the connection is down is sent when it is back, by
// nats.go's buffer.
func TestAnswerWhileDown(t *testing.T) {
	n, nc, l := setup(t)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	run(t, nc, workerpool.Config{}, func(context.Context, *workerpool.Task) ([]byte, error) {
		begun <- struct{}{}
		<-release
		return []byte("late"), nil
	})
	done := n.dispatch(n.next(mesh.SubjectReady).Reply, "x")
	receive(t, begun)
	cutAndWait(t, nc, l)
	close(release)
	l.restore()
	if m := n.await(done); string(m.Data) != "late" {
		t.Errorf("answer %q", m.Data)
	}
}

// An answer that cannot be sent is logged, and the worker is idle again.
func TestLostAnswer(t *testing.T) {
	n, nc, l := setup(t, nats.ReconnectBufSize(-1))
	log := make(lines, 10)
	begun, release := make(chan struct{}, 2), make(chan struct{})
	run(t, nc, workerpool.Config{Logger: slog.New(slog.NewTextHandler(log, nil))},
		func(context.Context, *workerpool.Task) ([]byte, error) {
			begun <- struct{}{}
			<-release
			return nil, nil
		})
	ready := n.next(mesh.SubjectReady)
	done := n.dispatch(ready.Reply, "x")
	receive(t, begun)
	cutAndWait(t, nc, l)
	close(release)
	if line := receive(t, log); !strings.Contains(line, "could not send an answer") || !strings.Contains(line, attemptOf(done)) {
		t.Errorf("logged %q", line)
	}
	l.restore()
	if again := n.next(mesh.SubjectReady); again.Reply != ready.Reply {
		t.Errorf("READY of %q, want %q", again.Reply, ready.Reply)
	}
	n.next(n.dispatch(ready.Reply, "x"))
}

func cutAndWait(t *testing.T, nc *nats.Conn, l *link) {
	t.Helper()
	events := nc.StatusChanged(nats.RECONNECTING)
	defer nc.RemoveStatusListener(events)
	l.cut()
	receive(t, events)
}

// A pool can start before its connection has ever been up.
func TestStartBeforeConnect(t *testing.T) {
	n, _, l := setup(t)
	l.cut()
	nc := connect(t, nats.InProcessServer(l), nats.RetryOnFailedConnect(true))
	run(t, nc, workerpool.Config{}, echo)
	l.restore()
	n.await(n.dispatch(n.next(mesh.SubjectReady).Reply, "x")) // a second READY is fine here
}

// Without a node the server answers READY on the inbox; that is no task. Once
// there is a node, it hears of the worker.
func TestNoNode(t *testing.T) {
	n, nc, _ := setup(t)
	n.nc.Close()
	log := make(lines, 1<<16)
	debug := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := run(t, nc, workerpool.Config{Logger: debug, ReadyInterval: time.Millisecond}, echo)
	for i := range 20 { // more than fit in the worker's inbox
		level := "DEBUG"
		if i == 1 { // people are told once, and not of a node that is about to be there
			level = "WARN"
		}
		if line := receive(t, log); !strings.Contains(line, "level="+level+` msg="no node listens to READY`) {
			t.Errorf("logged %q, want it as %s", line, level)
		}
	}
	ready, err := nc.SubscribeSync(mesh.SubjectReady)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ready.NextMsg(patience); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Errorf("an end without a node: %v", err)
	}
}

// Of several workers without a node one says so.
func TestNoNodeIsToldOnce(t *testing.T) {
	n, nc, _ := setup(t)
	n.nc.Close()
	log := make(lines, 1<<16)
	debug := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	run(t, nc, workerpool.Config{Workers: 3, Logger: debug, ReadyInterval: time.Millisecond}, echo)
	told := 0
	for range 60 {
		if strings.Contains(receive(t, log), "level=WARN") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
