package nodetest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Workers is a pool of workers that serve one node.
type Workers struct {
	m    *Mesh
	conn *nats.Conn
	stop context.CancelFunc
	done chan error
}

// Work gives a node n workers of the default service that do tasks by a
// function, and waits until the whole mesh knows of them.
func (m *Mesh) Work(name string, n int, handle workerpool.HandlerFunc) *Workers {
	m.t.Helper()
	return m.WorkService(name, "", n, handle)
}

// WorkService is Work for a named service.
func (m *Mesh) WorkService(name, service string, n int, handle workerpool.HandlerFunc) *Workers {
	m.t.Helper()
	if service != "" {
		if err := mesh.CheckToken(service); err != nil { // nobody would ever know of them
			m.t.Fatalf("workers of node %s: service: %v", name, err)
		}
	}
	had := m.View(name).Load(service).Workers
	w := &Workers{m: m, conn: m.Client(name), done: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		w.done <- workerpool.Run(ctx, w.conn, workerpool.Config{Service: service, Workers: n, Name: name + "-worker"}, handle)
	}()
	m.t.Cleanup(w.Kill)
	m.AwaitWorkers(name, service, had+n)
	return w
}

// Stop ends the workers politely: they finish what they have in hand.
func (w *Workers) Stop() {
	w.m.t.Helper()
	w.stop()
	select {
	case err := <-w.done:
		w.done <- nil
		if err != nil {
			w.m.t.Errorf("workers ended with: %v", err)
		}
	case <-time.After(Timeout):
		w.m.t.Fatalf("workers did not end within %s", Timeout)
	}
}

// Kill breaks the workers' connection off, as a crash would. Handlers that run
// are waited for: a function cannot be killed.
func (w *Workers) Kill() {
	w.conn.Close()
	w.stop()
	<-w.done
	w.done <- nil
}

// Request sends a task of a service to a node and returns the answer. An error
// reply of the mesh or of a worker is returned as the answer it is; ErrorOf
// tells its code.
func (m *Mesh) Request(name, service string, payload []byte) *nats.Msg {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	request := &nats.Msg{
		Subject: mesh.WithService(mesh.SubjectRequest, service), Data: payload,
		Header: nats.Header{"From": {"nodetest"}}, // one that sends a header is told who gave the answer
	}
	answer, err := m.Client(name).RequestMsgWithContext(ctx, request)
	if err != nil {
		m.t.Fatalf("request to %s: %v", name, err)
	}
	return answer
}

// ErrorOf returns the code and text of an error reply; "" and "" of any other.
func ErrorOf(m *nats.Msg) (code, text string) {
	return m.Header.Get(mesh.HeaderErrorCode), m.Header.Get(mesh.HeaderError)
}
