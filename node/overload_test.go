package node_test

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// crowd is a client that has many requests at once, each with a reply subject
// of its own, all under one prefix, as client libraries do it.
type crowd struct {
	t       testing.TB
	nc      *nats.Conn
	inbox   string
	answers chan *nats.Msg
	sent    int
	got     map[string]string // reply subject, to the code of the answer
}

func newCrowd(t testing.TB, nc *nats.Conn) *crowd {
	t.Helper()
	c := &crowd{t: t, nc: nc, inbox: nc.NewInbox() + ".", answers: make(chan *nats.Msg, 1<<18), got: make(map[string]string)}
	if _, err := nc.ChanSubscribe(c.inbox+"*", c.answers); err != nil {
		t.Fatal(err)
	}
	return c
}

// send has the server take so many requests more.
func (c *crowd) send(n int, payload []byte) {
	c.t.Helper()
	for range n {
		c.sent++
		if err := c.nc.PublishRequest(mesh.SubjectRequest, c.inbox+strconv.Itoa(c.sent), payload); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.nc.FlushTimeout(nodetest.Timeout); err != nil {
		c.t.Fatal(err)
	}
}

// take waits for so many answers more, none of which may come twice.
func (c *crowd) take(n int) {
	c.t.Helper()
	for range n {
		m := receive(c.t, c.answers)
		code, _ := nodetest.ErrorOf(m)
		if _, twice := c.got[m.Subject]; twice {
			c.t.Fatalf("%s is answered twice", m.Subject)
		}
		c.got[m.Subject] = code
	}
}

// count returns how many answers had a code; "": no error.
func (c *crowd) count(code string) (n int) {
	for _, got := range c.got {
		if got == code {
			n++
		}
	}
	return n
}

// stall keeps DC1's loop from going on until it is told to: a condition that
// somebody waits for is looked at by the loop itself. It goes on at the end of the
// test in any case.
func stall(t testing.TB, m *nodetest.Mesh) (goOn func()) {
	t.Helper()
	stands, goOn := nextStall(t, m)
	receive(t, stands)
	return goOn
}

// nextStall is a stall that begins when the loop looks next.
func nextStall(t testing.TB, m *nodetest.Mesh) (stands <-chan struct{}, goOn func()) {
	t.Helper()
	begun, done := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = m.Node("DC1").Await(t.Context(), func(node.View) bool {
			close(begun)
			<-done
			return true
		})
	}()
	goOn = sync.OnceFunc(func() { close(done) })
	t.Cleanup(goOn) // or a failed test would not end
	return begun, goOn
}

// A node that looks at nothing for a while gets more requests than it can hold.
// All are answered, each once: those beyond at once, while it still stands.
func TestRequestsThatNobodyLooksAt(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		requests, size int
		held           int // at most
	}{
		"many":  {1<<16 + 20_000, 0, 1 << 16},
		"large": {100, node.MaxTask, 64},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout = 100 * time.Millisecond }))
			flood := newCrowd(t, m.Client("DC1"))
			goOn := stall(t, m)
			flood.send(c.requests, bytes.Repeat([]byte("x"), c.size))
			flood.take(c.requests - c.held)
			if n := flood.count("429"); n != len(flood.got) {
				t.Errorf("%d of %d answers are refusals", n, len(flood.got))
			}
			goOn()
			flood.take(c.requests - len(flood.got))
			if n := flood.count("429") + flood.count("404"); n != c.requests {
				t.Errorf("%d of %d requests are refused", n, c.requests)
			}
			m.Await("DC1", "to tell", func(v node.View) bool { return v.Complaints["requests were refused that the node had no time for"] > 0 })
			if len(flood.answers) > 0 {
				t.Errorf("one more answer: %v", <-flood.answers)
			}
		})
	}
}

// What waits is bounded in bytes.
func TestQueueBytes(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) { c.QueueBytes = 8 << 20 }))
	flood, other := newCrowd(t, m.Client("DC1")), newCrowd(t, m.Client("DC1"))
	payload := bytes.Repeat([]byte("x"), node.MaxTask)
	flood.send(20, payload)
	flood.take(12)
	if n := flood.count("429"); n != 12 {
		t.Errorf("%d of 20 tasks are refused: %v", n, flood.got)
	}
	other.send(1, nil)
	other.take(1)
	if other.count("429") != 1 {
		t.Errorf("an empty task is let in: %v", other.got)
	}
	m.Work("DC1", 1, echo)
	flood.take(8)
	if n := flood.count(""); n != 8 {
		t.Errorf("%d of 8 tasks are done: %v", n, flood.got)
	}
	other.send(10, payload[:100])
	other.take(10)
	if n := other.count(""); n != 10 {
		t.Errorf("%d of 10 tasks are done: %v", n, other.got)
	}
}

// Many small headers weigh what they take in memory, twenty times as much as on the wire.
func TestQueueBytesOfHeaders(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) { c.QueueBytes = 1 << 20 }))
	client := m.Client("DC1")
	many := make(nats.Header)
	for i := range 1000 {
		many[strconv.FormatInt(int64(i), 36)] = []string{""}
	}
	const tasks = 50 // of some 6 KiB on the wire
	answers := make(chan *nats.Msg, tasks)
	inbox := client.NewInbox()
	if _, err := client.ChanSubscribe(inbox+".*", answers); err != nil {
		t.Fatal(err)
	}
	for i := range tasks {
		publish(t, client, &nats.Msg{Subject: mesh.SubjectRequest, Reply: inbox + "." + strconv.Itoa(i), Header: many})
	}
	for range tasks - 10 {
		wantError(t, receive(t, answers), "429")
	}
	if v := m.View("DC1"); v.Load("").Waiting == 0 || v.Load("").Waiting > 10 {
		t.Errorf("%d tasks wait", v.Load("").Waiting)
	}
}

// One client sends all it can; what another one asks for is taken in.
func TestFloodOfOneClient(t *testing.T) {
	t.Parallel()
	const limit, share, others = 900, 800, 50
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) { c.QueueLimit = limit }))
	flood, other := newCrowd(t, m.Client("DC1")), newCrowd(t, m.Client("DC1"))
	flood.send(5*limit, nil)
	flood.take(5*limit - share)
	if n := flood.count("429"); n != 5*limit-share {
		t.Errorf("%d tasks are refused", n)
	}
	other.send(others, nil)
	m.Await("DC1", "all of the other client's to wait", func(v node.View) bool { return v.Load("").Waiting == share+others })
	m.Work("DC1", 2, echo)
	flood.take(share)
	other.take(others)
	if done := flood.count(""); done != share || other.count("") != others {
		t.Errorf("%d tasks of the flood are done, and of the other client's %d", done, other.count(""))
	}
}
