package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
	broker "github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// urls lists nodes of a mesh as a client wants them.
func urls(m *nodetest.Mesh, names ...string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = m.Node(name).LocalURL()
	}
	return strings.Join(list, ",")
}

func echo(_ context.Context, t *workerpool.Task) ([]byte, error) { return t.Data, nil }

// slow begins tasks, tells their ids, and ends when the test says so.
type slow struct {
	began chan string
	open  chan struct{}
}

func newSlow() *slow { return &slow{began: make(chan string, 100), open: make(chan struct{})} }

func (s *slow) handle(ctx context.Context, t *workerpool.Task) ([]byte, error) {
	s.began <- t.Header.Get(nats.MsgIdHdr)
	select {
	case <-s.open:
		return t.Data, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func TestMesh(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	m.Work("DC2", 2, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		if len(task.Data) == 0 {
			return nil, &workerpool.Error{Code: 422, Text: "nothing to do"}
		}
		return task.Data, nil
	})
	inProcess, err := client.New(m.Client("DC1"))
	if err != nil {
		t.Fatal(err)
	}
	defer inProcess.Close()
	for _, c := range []*client.Client{inProcess, dial(t, urls(m, "DC1"))} {
		o := receive(t, do(patiently(t), c, client.Request{Data: []byte("x")}))
		wantReply(t, o, "x", 1)
		if r := o.reply; r.Node != "DC2" || r.Hops != 1 || !strings.HasPrefix(r.Worker, "DC2-worker") || r.Attempt == "" {
			t.Errorf("%+v", r)
		}
		_, err := c.Do(patiently(t), client.Request{})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != 422 || e.Node != "DC2" || e.Worker == "" {
			t.Error(err)
		}
		// The mesh's own word comes before the context ends, unless the machine is slow.
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		_, err = c.Do(ctx, client.Request{Service: "nosuch"})
		if e, ok := errors.AsType[*client.Error](err); ok && (e.Code != mesh.CodeNoService || e.Node != "DC1") || !ok && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

// A deadline is a deadline, whoever tells of it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	s := newSlow()
	defer close(s.open)
	m.Work("DC1", 1, s.handle)
	c := dial(t, urls(m, "DC1"))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, client.Request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The client's node dies with the task in hand: the other one does it.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	s := newSlow()
	m.Work("DC1", 1, s.handle)
	c := dial(t, urls(m, "DC1", "DC2"))
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	id := receive(t, s.began)
	m.Kill("DC1")
	m.Work("DC2", 1, s.handle)
	if again := receive(t, s.began); again != id {
		t.Errorf("submitted as %q, then as %q", id, again)
	}
	close(s.open)
	o := receive(t, done)
	wantReply(t, o, "x", 2)
	if o.reply.Node != "DC2" || o.reply.Hops != 0 {
		t.Errorf("%+v", o.reply)
	}
}

// The only node dies, and comes back at the same address.
func TestNodeRestarts(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	s := newSlow()
	m.Work("DC1", 1, s.handle)
	c := dial(t, urls(m, "DC1"))
	ctx := patiently(t)
	held := do(ctx, c, client.Request{Data: []byte("held")})
	id := receive(t, s.began)
	m.Kill("DC1")
	later := do(ctx, c, client.Request{Data: []byte("later")})
	m.Restart("DC1")
	close(s.open)
	m.Work("DC1", 1, s.handle)
	o := receive(t, held)
	wantReply(t, o, "held", 0)
	if o.reply.Sent < 2 { // more, if the server was there a moment before the node
		t.Errorf("answered after %d submissions", o.reply.Sent)
	}
	wantReply(t, receive(t, later), "later", 0)
	if one, two := receive(t, s.began), receive(t, s.began); one != id && two != id {
		t.Errorf("%q came back as %q or %q", id, one, two)
	}
}

// A node that shuts down tells its clients so. What it has in hand it finishes,
// what it refuses is done by another.
func TestDrain(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	s, there := newSlow(), newSlow()
	m.Work("DC1", 1, s.handle)
	m.Work("DC2", 1, there.handle)
	c := dial(t, urls(m, "DC1", "DC2"), client.Grace(patience))
	ctx := patiently(t)
	held := do(ctx, c, client.Request{Data: []byte("held")})
	receive(t, s.began)
	away := do(ctx, c, client.Request{Data: []byte("away")})
	receive(t, there.began)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Shutdown("DC1")
	}()
	refused := awaitRefusal(t, m)
	if refused.Header.Get(mesh.HeaderRetry) != mesh.RetryElsewhere {
		t.Errorf("refused with %v", refused.Header)
	}
	later := do(ctx, c, client.Request{Data: []byte("later")})
	close(s.open)
	o := receive(t, held)
	wantReply(t, o, "held", 1)
	if o.reply.Node != "DC1" {
		t.Errorf("done by %s", o.reply.Node)
	}
	close(there.open)
	wantReply(t, receive(t, away), "away", 1)
	wantReply(t, receive(t, later), "later", 0)
	receive(t, ended)
}

// awaitRefusal waits until DC1 refuses tasks, and returns the refusal.
func awaitRefusal(t testing.TB, m *nodetest.Mesh) *nats.Msg {
	t.Helper()
	nc := m.Client("DC1")
	for {
		probe := &nats.Msg{Subject: mesh.SubjectRequest, Header: nats.Header{mesh.HeaderTimeout: {"20ms"}}}
		refused, err := nc.RequestMsg(probe, patience)
		if err != nil {
			t.Fatal(err)
		}
		if code, _ := nodetest.ErrorOf(refused); code == "503" {
			return refused
		}
	}
}

// Three nodes are restarted one after the other, with 300 requests under way all
// the time: each is answered.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 3, nodetest.WithConfig(func(c *broker.Config) { c.QueueTimeout = patience }))
	names := m.Names()
	for _, name := range names {
		m.Work(name, 4, echo)
	}
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	var answered, again atomic.Int64
	for i := range names {
		c := dial(t, urls(m, names[i], names[(i+1)%3], names[(i+2)%3]))
		for k := range 100 {
			all.Go(func() {
				for n := 0; ; n++ {
					data := fmt.Sprint(i, k, n)
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					reply, err := c.Do(ctx, client.Request{Data: []byte(data)})
					cancel()
					if err != nil || string(reply.Data) != data {
						t.Errorf("%s: %+v, %v", data, reply, err)
						return
					}
					answered.Add(1)
					again.Add(int64(reply.Sent - 1))
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
	}
	for _, name := range names {
		m.Shutdown(name)
		m.Restart(name)
		m.Work(name, 4, echo)
	}
	end()
	all.Wait()
	t.Logf("%d answered, %d submissions more", answered.Load(), again.Load())
}
