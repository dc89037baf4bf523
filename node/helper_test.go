package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Whatever the tests did, nothing of their nodes is left at the end.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receive returns the next value of ch.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(nodetest.Timeout):
		t.Fatalf("waited %v in vain for a %T", nodetest.Timeout, *new(T))
		panic("unreachable")
	}
}

// patient is a queue that a slow machine does not empty by its timeout.
var patient = nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout = nodetest.Timeout })

// echo is the handler that answers with the task's payload.
func echo(_ context.Context, t *workerpool.Task) ([]byte, error) { return t.Data, nil }

// gate is a handler that a test holds in its hand: each task is reported when it
// begins and ends when the gate is opened.
type gate struct {
	began chan string // payloads
	open  chan struct{}
}

func newGate() *gate { return &gate{began: make(chan string, 1000), open: make(chan struct{})} }

func (g *gate) handle(ctx context.Context, t *workerpool.Task) ([]byte, error) {
	g.began <- string(t.Data)
	select {
	case <-g.open:
		return t.Data, nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // one that has to be told twice
		select {
		case <-g.open:
		case <-time.After(nodetest.Timeout):
		}
	}
	return nil, context.Cause(ctx)
}

// ask sends a request and returns where its answers arrive: one, if all is well.
func ask(t testing.TB, nc *nats.Conn, m *nats.Msg) <-chan *nats.Msg {
	t.Helper()
	answers := make(chan *nats.Msg, 10)
	m.Reply = nc.NewInbox()
	if _, err := nc.ChanSubscribe(m.Reply, answers); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, m)
	return answers
}

// task is a request for the default service.
func task(payload string) *nats.Msg { return taskFor("", payload) }

func taskFor(service, payload string) *nats.Msg {
	return signed(&nats.Msg{Subject: mesh.WithService(mesh.SubjectRequest, service), Data: []byte(payload)})
}

// signed has a request ask who gives the answer: by any header.
func signed(m *nats.Msg) *nats.Msg {
	m.Header = nats.Header{"From": {"test"}}
	return m
}

// within sets the time that the client of a request waits.
func within(timeout string, m *nats.Msg) *nats.Msg {
	m.Header = nats.Header{mesh.HeaderTimeout: {timeout}}
	return m
}

// publish sends a message and waits until the server has it.
func publish(t testing.TB, nc *nats.Conn, m *nats.Msg) {
	t.Helper()
	if err := nc.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
}

// wantError checks that an answer is an error reply of a code.
func wantError(t testing.TB, m *nats.Msg, code string) {
	t.Helper()
	if got, text := nodetest.ErrorOf(m); got != code || text == "" {
		t.Errorf("answered %q with code %q, %q; want code %s", m.Data, got, text, code)
	}
}

// wantAnswer checks that an answer is no error, and who gave it.
func wantAnswer(t testing.TB, m *nats.Msg, payload, by string) {
	t.Helper()
	if code, text := nodetest.ErrorOf(m); code != "" {
		t.Errorf("answered with an error: %s %s", code, text)
	}
	if string(m.Data) != payload || m.Header.Get(mesh.HeaderNode) != by {
		t.Errorf("answered %.100q by %s; want %.100q by %s", m.Data, m.Header.Get(mesh.HeaderNode), payload, by)
	}
}

// raw is a worker by hand: what one may do that workerpool never would.
type raw struct {
	t     testing.TB
	nc    *nats.Conn
	sub   *nats.Subscription
	inbox string
	tasks chan *nats.Msg
}

// rawWorker joins a node as a worker of the default service.
func rawWorker(t testing.TB, m *nodetest.Mesh, name string) *raw {
	t.Helper()
	w := &raw{t: t, nc: m.Client(name), tasks: make(chan *nats.Msg, 10)}
	w.inbox = w.nc.NewInbox()
	sub, err := w.nc.ChanSubscribe(w.inbox, w.tasks)
	if err != nil {
		t.Fatal(err)
	}
	w.sub = sub
	publish(t, w.nc, &nats.Msg{Subject: mesh.SubjectReady, Reply: w.inbox})
	m.AwaitWorkers(name, "", 1)
	return w
}

// answer answers a task as the worker likes.
func (w *raw) answer(task *nats.Msg, header nats.Header, data []byte) {
	w.t.Helper()
	publish(w.t, w.nc, &nats.Msg{Subject: task.Reply, Header: header, Data: data})
}
