package workerpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

func TestTasksAreAnswered(t *testing.T) {
	n, nc, _ := setup(t)
	tasks := make(chan *workerpool.Task, 1)
	p := run(t, nc, workerpool.Config{Service: "upper"}, func(ctx context.Context, task *workerpool.Task) ([]byte, error) {
		tasks <- task
		if ctx.Value(valueKey{}) != "value" {
			t.Error("the context of a task has not the values of Run's")
		}
		return []byte(strings.ToUpper(string(task.Data))), nil
	})
	ready := n.next(mesh.WithService(mesh.SubjectReady, "upper"))
	if len(ready.Data) != 0 || len(ready.Header) != 1 || mesh.CheckInbox(ready.Header.Get(mesh.HeaderCancel)) != "" {
		t.Errorf("READY has data %q and headers %v", ready.Data, ready.Header)
	}
	if fault := mesh.CheckInbox(ready.Reply); fault != "" {
		t.Errorf("READY with %s", fault)
	}
	for i := range 50 {
		data := fmt.Sprintf("task %d", i)
		done := n.dispatch(ready.Reply, data, "Colour", "green", "Colour", "blue")
		answer := n.next(done)
		if got, want := string(answer.Data), strings.ToUpper(data); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
		if len(answer.Header) != 0 {
			t.Errorf("answer with headers %v", answer.Header)
		}
		task := receive(t, tasks)
		if task.Service != "upper" || mesh.SubjectDone+"."+task.Attempt != done ||
			!slices.Equal(task.Header.Values("Colour"), []string{"green", "blue"}) {
			t.Errorf("got task %+v", task)
		}
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestDefaultServiceAndEmptyAnswer(t *testing.T) {
	n, nc, _ := setup(t)
	run(t, nc, workerpool.Config{}, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		if task.Service != "" {
			t.Errorf("service %q", task.Service)
		}
		return nil, nil
	})
	ready := n.next(mesh.SubjectReady)
	if m := n.next(n.dispatch(ready.Reply, "x")); len(m.Data) != 0 || len(m.Header) != 0 {
		t.Errorf("answer %q with headers %v", m.Data, m.Header)
	}
}

// A thousand workers do a thousand tasks at once, and each is a worker of its
// own to the node.
func TestWorkersWorkAtOnce(t *testing.T) {
	const workers = 1000
	n, nc, _ := setup(t)
	var together sync.WaitGroup
	together.Add(workers)
	p := run(t, nc, workerpool.Config{Workers: workers, Name: "w"}, func(context.Context, *workerpool.Task) ([]byte, error) {
		together.Done()
		together.Wait() // ends when every worker is here
		return nil, nil
	})
	inboxes, names := map[string]bool{}, map[string]bool{}
	for range workers {
		ready := n.next(mesh.SubjectReady)
		inboxes[ready.Reply] = true
		names[ready.Header.Get(mesh.HeaderWorker)] = true
	}
	if len(inboxes) != workers || len(names) != workers || !names["w-0"] || !names["w-999"] {
		t.Fatalf("%d inboxes and %d names of %d workers", len(inboxes), len(names), workers)
	}
	for inbox := range inboxes {
		n.dispatch(inbox, "")
	}
	for range workers {
		n.next(mesh.SubjectDone + ".")
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	for range workers {
		if leave := n.next(mesh.SubjectLeave); !inboxes[string(leave.Data)] {
			t.Errorf("leave of %q", leave.Data)
		}
	}
}

func TestNameOfOneWorker(t *testing.T) {
	n, nc, _ := setup(t)
	run(t, nc, workerpool.Config{Name: "solo"}, echo)
	if name := n.next(mesh.SubjectReady).Header.Get(mesh.HeaderWorker); name != "solo" {
		t.Errorf("name %q", name)
	}
}

// A worker holds one task at a time, even when a node sends more.
func TestOneTaskAWorker(t *testing.T) {
	n, nc, _ := setup(t)
	running := make(chan struct{}, 1)
	run(t, nc, workerpool.Config{}, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
		default:
			t.Error("two tasks at once")
		}
		return task.Data, nil
	})
	ready := n.next(mesh.SubjectReady)
	var done []string
	for range 5 {
		done = append(done, n.dispatch(ready.Reply, ""))
	}
	for _, subject := range done {
		n.next(subject)
	}
}

func TestDeadline(t *testing.T) {
	n, nc, _ := setup(t)
	log := make(lines, 10)
	run(t, nc, workerpool.Config{Logger: slog.New(slog.NewTextHandler(log, nil))},
		func(ctx context.Context, task *workerpool.Task) ([]byte, error) {
			at, ok := ctx.Deadline()
			if ok && time.Until(at) < time.Minute {
				<-ctx.Done()
			}
			return fmt.Appendf(nil, "%v %v", ok, ctx.Err()), nil // sent even though it is late
		})
	ready := n.next(mesh.SubjectReady)
	for _, c := range []struct{ timeout, want string }{
		{"10ms", "true context deadline exceeded"},
		{"1h", "true <nil>"},
		{"", "false <nil>"},
		{"soon", "false <nil>"},
	} {
		var header []string
		if c.timeout != "" {
			header = []string{mesh.HeaderTimeout, c.timeout}
		}
		if got := string(n.next(n.dispatch(ready.Reply, "", header...)).Data); got != c.want {
			t.Errorf("timeout %q: %q, want %q", c.timeout, got, c.want)
		}
	}
	if line := receive(t, log); !strings.Contains(line, "malformed "+mesh.HeaderTimeout) || !strings.Contains(line, " error=") {
		t.Errorf("logged %q", line)
	}
}

// What is no dispatch is dropped, and the worker goes on.
func TestStrayMessages(t *testing.T) {
	n, nc, _ := setup(t)
	log := make(lines, 10)
	run(t, nc, workerpool.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}, echo)
	ready := n.next(mesh.SubjectReady)
	for _, reply := range []string{"", "localfe", "localbe.ready"} {
		if err := n.nc.PublishMsg(&nats.Msg{Subject: ready.Reply, Reply: reply}); err != nil {
			t.Fatal(err)
		}
		if line := receive(t, log); !strings.Contains(line, "no task") {
			t.Errorf("logged %q", line)
		}
	}
	n.next(n.dispatch(ready.Reply, "x"))
}
