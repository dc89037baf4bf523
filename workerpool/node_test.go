package workerpool_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; no test comes near it unless it fails.
const patience = 30 * time.Second

const maxPayload = 8192

// receive returns the next value of ch.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v in vain for a %T", patience, *new(T))
		panic("unreachable")
	}
}

// node plays the node's side: it hears everything on localbe and confirms each
// leave unless told not to.
type node struct {
	t       testing.TB
	nc      *nats.Conn
	heard   chan *nats.Msg // in the order of a client's messages
	silent  atomic.Bool    // does not confirm
	attempt uint32
}

// setup starts a server and a node on it, and returns a client's connection.
func setup(t testing.TB, options ...nats.Option) (*node, *nats.Conn, *link) {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, MaxPayload: maxPayload})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	n := &node{t: t, nc: connect(t, nats.InProcessServer(s)), heard: make(chan *nats.Msg, 1<<16)}
	_, err = n.nc.Subscribe("localbe.>", func(m *nats.Msg) {
		confirm := m.Subject == mesh.SubjectLeave && !n.silent.Load() // as it was when m came
		// An answer is known by what it answers.
		switch {
		case m.Subject == mesh.SubjectDone:
			m.Subject += "." + m.Reply
		case strings.HasPrefix(m.Subject, mesh.SubjectDone):
			m.Subject = "the reply subject itself, " + m.Subject
		}
		n.heard <- m
		if confirm {
			_ = m.Respond(nil) // the worker asks again
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	l := &link{s: s}
	return n, connect(t, append([]nats.Option{nats.InProcessServer(l)}, options...)...), l
}

func connect(t testing.TB, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0)}, options...)
	nc, err := nats.Connect("", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// next returns the next message on localbe, which has to be on the subject, or
// below it if it ends with a dot.
func (n *node) next(subject string) *nats.Msg {
	n.t.Helper()
	m := receive(n.t, n.heard)
	if !on(m, subject) {
		n.t.Fatalf("heard %q, want one on %q", m.Subject, subject)
	}
	return m
}

// await returns the next message on the subject, as in next, and passes over
// those on others.
func (n *node) await(subject string) *nats.Msg {
	n.t.Helper()
	for {
		if m := receive(n.t, n.heard); on(m, subject) {
			return m
		}
	}
}

func on(m *nats.Msg, subject string) bool {
	return m.Subject == subject || strings.HasSuffix(subject, ".") && strings.HasPrefix(m.Subject, subject)
}

// attemptOf is what the answer to a dispatch with that reply subject has as its own.
func attemptOf(done string) string {
	_, attempt := mesh.AnswerTo(done)
	return attempt
}

// dispatch sends a task to an inbox and returns its reply subject.
func (n *node) dispatch(inbox, data string, header ...string) (done string) {
	n.t.Helper()
	n.attempt++
	done = mesh.DoneSubject(mesh.Attempt{Incarnation: 1, Slot: 2, Generation: n.attempt, Random: 3})
	m := &nats.Msg{Subject: inbox, Reply: done, Data: []byte(data), Header: nats.Header{}}
	for i := 0; i < len(header); i += 2 {
		m.Header.Add(header[i], header[i+1])
	}
	if err := n.nc.PublishMsg(m); err != nil {
		n.t.Fatal(err)
	}
	return done
}

// subscribed reports whether the server has a subscription for an inbox. It costs
// the worker a message that it drops.
func (n *node) subscribed(inbox string) bool {
	n.t.Helper()
	reply := n.nc.NewInbox()
	nobody, err := n.nc.SubscribeSync(reply)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = nobody.Unsubscribe() }() // the connection ends as well
	// The server says at once, so before it answers the flush, if there is none.
	if err := errors.Join(n.nc.PublishRequest(inbox, reply, nil), n.nc.Flush()); err != nil {
		n.t.Fatal(err)
	}
	waiting, _, err := nobody.Pending()
	if err != nil {
		n.t.Fatal(err)
	}
	return waiting == 0
}

// pool is a Run under way.
type pool struct {
	t    testing.TB
	stop context.CancelFunc
	err  chan error
}

// run starts a pool. Unless the config says otherwise it has one worker, which
// says READY only when something happens.
func run(t testing.TB, nc *nats.Conn, cfg workerpool.Config, h workerpool.HandlerFunc) *pool {
	ctx, stop := context.WithCancel(context.WithValue(context.Background(), valueKey{}, "value"))
	p := &pool{t: t, stop: stop, err: make(chan error, 1)}
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	if cfg.ReadyInterval == 0 {
		cfg.ReadyInterval = time.Hour
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = patience
	}
	if cfg.CancelTimeout == 0 {
		cfg.CancelTimeout = patience
	}
	go func() {
		p.err <- workerpool.Run(ctx, nc, cfg, h)
		close(p.err)
	}()
	t.Cleanup(func() {
		stop()
		_ = receive(t, p.err) // tests that care look before
	})
	return p
}

type valueKey struct{}

// end stops the pool and returns the error of Run.
func (p *pool) end() error {
	p.t.Helper()
	p.stop()
	return receive(p.t, p.err)
}

// echo is the handler that answers with the task's payload.
func echo(_ context.Context, t *workerpool.Task) ([]byte, error) { return t.Data, nil }

// lines is a writer that passes on each line of a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
