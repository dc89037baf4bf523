package workerpool_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// The task in hand is finished undisturbed, answered, and only then the worker
// unsubscribes; an idle worker does not wait for it.
func TestPoliteLeave(t *testing.T) {
	n, nc, l := setup(t)
	begun, release := make(chan struct{}), make(chan struct{})
	p := run(t, nc, workerpool.Config{Workers: 2}, func(ctx context.Context, _ *workerpool.Task) ([]byte, error) {
		close(begun)
		<-release
		return []byte("finished"), ctx.Err()
	})
	busy, idle := n.next(mesh.SubjectReady).Reply, n.next(mesh.SubjectReady).Reply
	done := n.dispatch(busy, "x")
	receive(t, begun)
	p.stop()
	for range 2 {
		leave := n.next(mesh.SubjectLeave)
		if inbox := string(leave.Data); inbox != busy && inbox != idle || leave.Reply == "" {
			t.Errorf("leave of %q with reply %q", inbox, leave.Reply)
		}
	}
	for start := time.Now(); n.subscribed(idle); {
		if time.Since(start) > patience {
			t.Fatal("the idle worker does not unsubscribe")
		}
	}
	if !n.subscribed(busy) {
		t.Error("a worker unsubscribed with a task in hand")
	}
	close(release)
	if m := n.await(done); string(m.Data) != "finished" {
		t.Errorf("answer %q %v", m.Data, m.Header)
	}
	if err := receive(t, p.err); err != nil {
		t.Error(err)
	}
	if n.subscribed(busy) {
		t.Error("a worker did not unsubscribe")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	wrote := l.written.String()
	if answer, unsub := strings.Index(wrote, "PUB localbe.done "+attemptOf(done)), strings.LastIndex(wrote, "UNSUB"); answer < 0 || unsub < answer {
		t.Errorf("answered at %d, unsubscribed at %d", answer, unsub)
	}
}

// A dispatch that crosses the leave is done and answered.
func TestDispatchCrossesLeave(t *testing.T) {
	n, nc, _ := setup(t)
	n.silent.Store(true)
	p := run(t, nc, workerpool.Config{}, echo)
	ready := n.next(mesh.SubjectReady)
	p.stop()
	leave := n.next(mesh.SubjectLeave)
	done := n.dispatch(ready.Reply, "crossed")
	n.silent.Store(false) // should it say so again
	if err := leave.Respond(nil); err != nil {
		t.Fatal(err)
	}
	if m := n.await(done); string(m.Data) != "crossed" {
		t.Errorf("answer %q %v", m.Data, m.Header)
	}
	if err := receive(t, p.err); err != nil {
		t.Error(err)
	}
	for len(n.heard) > 0 {
		if m := <-n.heard; m.Subject == mesh.SubjectReady {
			t.Error("READY after the leave")
		}
	}
}

// A leave that got lost is said again.
func TestLeaveIsRepeated(t *testing.T) {
	n, nc, _ := setup(t)
	n.silent.Store(true)
	p := run(t, nc, workerpool.Config{}, echo)
	n.next(mesh.SubjectReady)
	p.stop()
	first := n.next(mesh.SubjectLeave)
	n.silent.Store(false)
	if again := n.next(mesh.SubjectLeave); string(again.Data) != string(first.Data) {
		t.Errorf("leave of %q, then of %q", first.Data, again.Data)
	}
	if err := receive(t, p.err); err != nil {
		t.Error(err)
	}
}

func TestUnconfirmedLeave(t *testing.T) {
	n, nc, _ := setup(t)
	n.silent.Store(true)
	p := run(t, nc, workerpool.Config{Workers: 3, DrainTimeout: time.Millisecond}, echo)
	n.await(mesh.SubjectReady)
	if err := p.end(); err == nil || !strings.Contains(err.Error(), "3 of 3 workers left without") {
		t.Errorf("error %v", err)
	}
}

// After DrainTimeout the handler's context ends; the answer is still sent, and
// a task that the worker has not begun is refused.
func TestDrainTimeout(t *testing.T) {
	n, nc, _ := setup(t)
	begun := make(chan struct{})
	p := run(t, nc, workerpool.Config{DrainTimeout: time.Millisecond}, func(ctx context.Context, _ *workerpool.Task) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
	ready := n.next(mesh.SubjectReady)
	first := n.dispatch(ready.Reply, "1")
	second := n.dispatch(ready.Reply, "2")
	receive(t, begun)
	for _, c := range []*nats.Conn{n.nc, nc} { // then the second is in the inbox
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	if m := n.await(first); m.Header.Get(mesh.HeaderError) != "the worker pool stops" || m.Header.Get(mesh.HeaderErrorCode) != "500" {
		t.Errorf("answer %q %v", m.Data, m.Header)
	}
	if m := n.await(second); m.Header.Get(mesh.HeaderErrorCode) != "503" {
		t.Errorf("answer %q %v", m.Data, m.Header)
	}
	// The node may not have confirmed in so short a time.
	if err := receive(t, p.err); errors.Is(err, workerpool.ErrStuck) {
		t.Error(err)
	}
}

// A handler that ignores its context cannot hold Run; its answer comes when it
// returns.
func TestStuckHandler(t *testing.T) {
	n, nc, _ := setup(t)
	begun, release := make(chan struct{}), make(chan struct{})
	p := run(t, nc, workerpool.Config{Workers: 2, DrainTimeout: time.Millisecond, CancelTimeout: 100 * time.Millisecond},
		func(context.Context, *workerpool.Task) ([]byte, error) {
			close(begun)
			<-release
			return []byte("at last"), nil
		})
	done := n.dispatch(n.next(mesh.SubjectReady).Reply, "x")
	receive(t, begun)
	if err := p.end(); !errors.Is(err, workerpool.ErrStuck) {
		t.Errorf("error %v", err)
	}
	close(release)
	if m := n.await(done); string(m.Data) != "at last" {
		t.Errorf("answer %q", m.Data)
	}
}

func TestConnectionClosed(t *testing.T) {
	n, nc, _ := setup(t)
	log := make(lines, 10)
	begun, cause := make(chan struct{}), make(chan error, 1)
	p := run(t, nc, workerpool.Config{Workers: 2, Logger: slog.New(slog.NewTextHandler(log, nil))}, func(ctx context.Context, _ *workerpool.Task) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil, nil
	})
	n.dispatch(n.next(mesh.SubjectReady).Reply, "x")
	receive(t, begun)
	nc.Close()
	if err := receive(t, p.err); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("error %v", err)
	}
	if err := receive(t, cause); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("the handler's context ended by %v", err)
	}
	if len(log) > 0 { // Run has said it
		t.Errorf("logged %q", <-log)
	}
	p = run(t, nc, workerpool.Config{}, echo)
	if err := receive(t, p.err); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("error %v of a connection that was closed before", err)
	}
}

func TestConnectionClosedWhileLeaving(t *testing.T) {
	n, nc, _ := setup(t)
	n.silent.Store(true)
	p := run(t, nc, workerpool.Config{}, echo)
	n.next(mesh.SubjectReady)
	p.stop()
	n.next(mesh.SubjectLeave)
	nc.Close()
	if err := receive(t, p.err); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("error %v", err)
	}
}

// Run leaves nothing behind on a connection that stays open.
func TestNoLeaks(t *testing.T) {
	n, nc, _ := setup(t)
	if _, err := nc.Request("localbe.leave", nil, patience); err != nil { // starts nats.go's own goroutine for replies
		t.Fatal(err)
	}
	before, subscriptions := goleak.IgnoreCurrent(), nc.NumSubscriptions()
	const workers = 20
	for range 3 {
		p := run(t, nc, workerpool.Config{Workers: workers}, echo)
		var inbox string
		for range workers { // every READY, so that none is left to be taken for one of the next pool
			inbox = n.await(mesh.SubjectReady).Reply
		}
		n.await(n.dispatch(inbox, "x", mesh.HeaderTimeout, "1h"))
		if err := p.end(); err != nil {
			t.Error(err)
		}
	}
	goleak.VerifyNone(t, before)
	if now := nc.NumSubscriptions(); now != subscriptions {
		t.Errorf("%d subscriptions, before %d", now, subscriptions)
	}
}
