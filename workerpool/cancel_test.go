package workerpool_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// giveUp tells a worker, by its READY, that the task to be answered on done
// counts no more.
func (n *node) giveUp(ready *nats.Msg, done string) {
	n.t.Helper()
	if err := n.nc.PublishMsg(&nats.Msg{Subject: ready.Header.Get(mesh.HeaderCancel), Header: nats.Header{
		mesh.HeaderAttempt:   {attemptOf(done)},
		mesh.HeaderErrorCode: {"504"},
		mesh.HeaderError:     {"the deadline passed"},
	}}); err != nil {
		n.t.Fatal(err)
	}
}

// A task that the node has given up is cancelled, with the reason, and no other
// is; its worker answers all the same, which is how the node knows it is free.
func TestCancel(t *testing.T) {
	n, nc, _ := setup(t)
	began := make(chan struct{}, 2)
	causes := make(chan error, 2)
	goOn := make(chan struct{})
	run(t, nc, workerpool.Config{}, func(ctx context.Context, task *workerpool.Task) ([]byte, error) {
		began <- struct{}{}
		if string(task.Data) == "other" {
			<-goOn
			return nil, ctx.Err()
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	ready := n.next(mesh.SubjectReady)
	done := n.dispatch(ready.Reply, "x")
	receive(t, began)
	n.giveUp(ready, done)
	failure, ok := errors.AsType[*workerpool.Error](receive(t, causes))
	if !ok || failure.Code != mesh.CodeDeadline || failure.Text != "the node gave the task up: the deadline passed" {
		t.Errorf("cancelled because of %v", failure)
	}
	n.await(done)

	other := n.dispatch(ready.Reply, "other")
	receive(t, began)
	n.giveUp(ready, done) // once more
	n.giveUp(ready, mesh.SubjectDone+".nonsense")
	if err := n.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if m := n.await(other); m.Header.Get(mesh.HeaderErrorCode) != "" {
		t.Errorf("answered with %v", m.Header)
	}
}

// A task that the node gives up while it is in its worker's inbox, behind another
// one, is cancelled when it begins, and no other is.
func TestCancelBeforeItBegins(t *testing.T) {
	n, nc, _ := setup(t)
	began := make(chan struct{}, 3)
	run(t, nc, workerpool.Config{}, func(ctx context.Context, task *workerpool.Task) ([]byte, error) {
		began <- struct{}{}
		if string(task.Data) == "first" {
			<-ctx.Done()
		}
		return nil, context.Cause(ctx)
	})
	ready := n.next(mesh.SubjectReady)
	first := n.dispatch(ready.Reply, "first")
	receive(t, began)
	second, third := n.dispatch(ready.Reply, "second"), n.dispatch(ready.Reply, "third")
	n.giveUp(ready, second)
	n.giveUp(ready, first) // behind it: when the first ends the pool has heard of both
	n.await(first)
	if m := n.await(second); m.Header.Get(mesh.HeaderErrorCode) != "504" || m.Header.Get(mesh.HeaderError) != "the node gave the task up: the deadline passed" {
		t.Errorf("the second was worked on: answered with %v", m.Header)
	}
	if m := n.await(third); m.Header.Get(mesh.HeaderErrorCode) != "" {
		t.Errorf("the third was answered with %v", m.Header)
	}
}

// The command of a task that the node has given up is killed.
func TestCancelCommand(t *testing.T) {
	n, nc, _ := setup(t)
	path, held := fifo(t)
	run(t, nc, workerpool.Config{}, shell(t, `exec 9>"$1"; sleep 3600 & wait`, path).Handle)
	ready := n.next(mesh.SubjectReady)
	done := n.dispatch(ready.Reply, "")
	if err := receive(t, held); err != nil { // it has begun
		t.Fatal(err)
	}
	n.giveUp(ready, done)
	if err := receive(t, held); err != nil { // it has ended
		t.Error(err)
	}
	m := n.await(done)
	if code, text := m.Header.Get(mesh.HeaderErrorCode), m.Header.Get(mesh.HeaderError); code != "504" ||
		text != "the command was killed: the node gave the task up: the deadline passed" {
		t.Errorf("answer %q %q", code, text)
	}
}
