package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
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

// node is a server, and the node's side of it by hand.
type node struct {
	t     testing.TB
	s     *server.Server
	nc    *nats.Conn
	heard chan *nats.Msg // requests
}

// startNode starts a server on a port, 0 for a free one, and a node that serves
// unless it is told to be absent.
func startNode(t testing.TB, port int) *node {
	t.Helper()
	n := startAbsent(t, port)
	n.serve()
	return n
}

func startAbsent(t testing.TB, port int) *node {
	t.Helper()
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, MaxPayload: maxPayload})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	n := &node{t: t, s: s, heard: make(chan *nats.Msg, 1000)}
	t.Cleanup(n.end)
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	n.nc = connect(t, nats.InProcessServer(s))
	return n
}

func (n *node) end() {
	n.s.Shutdown()
	n.s.WaitForShutdown()
}

func (n *node) serve() {
	n.t.Helper()
	for _, subject := range []string{mesh.SubjectRequest, mesh.SubjectRequest + ".>"} {
		if _, err := n.nc.ChanSubscribe(subject, n.heard); err != nil {
			n.t.Fatal(err)
		}
	}
	if err := n.nc.FlushTimeout(patience); err != nil {
		n.t.Fatal(err)
	}
}

// next returns the next request, and its answer when it is told to.
func (n *node) next() *nats.Msg { n.t.Helper(); return receive(n.t, n.heard) }

// nextOf returns the next request with a payload, and passes over others.
func (n *node) nextOf(data string) *nats.Msg {
	n.t.Helper()
	for {
		if m := n.next(); string(m.Data) == data {
			return m
		}
	}
}

// answer answers a request with its payload, and headers in pairs.
func (n *node) answer(m *nats.Msg, header ...string) {
	n.t.Helper()
	out := &nats.Msg{Subject: m.Reply, Data: m.Data, Header: nats.Header{mesh.HeaderNode: {"fake"}}}
	for i := 0; i < len(header); i += 2 {
		out.Header.Set(header[i], header[i+1])
	}
	if out.Header.Get(mesh.HeaderErrorCode) != "" {
		out.Data = nil
	}
	if err := n.nc.PublishMsg(out); err != nil {
		n.t.Fatal(err)
	}
}

// refuse answers as a node does that shuts down.
func (n *node) refuse(m *nats.Msg) {
	n.t.Helper()
	n.answer(m, mesh.HeaderErrorCode, "503", mesh.HeaderError, "shutting down", mesh.HeaderRetry, mesh.RetryElsewhere)
}

// echo answers all requests to come.
func (n *node) echo() {
	if _, err := n.nc.Subscribe(mesh.SubjectRequest, func(m *nats.Msg) { n.answer(m) }); err != nil {
		n.t.Fatal(err)
	}
	if err := n.nc.FlushTimeout(patience); err != nil {
		n.t.Fatal(err)
	}
}

func connect(t testing.TB, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1)}, options...)
	nc, err := nats.Connect("", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// on returns a client on a connection of its own to the node.
func (n *node) on(opts ...client.Option) (*client.Client, *nats.Conn) {
	n.t.Helper()
	nc := connect(n.t, nats.InProcessServer(n.s))
	c, err := client.New(nc, opts...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c, nc
}

// dial returns a client of Connect.
func dial(t testing.TB, urls string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Connect(urls, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// outcome is what Do returned.
type outcome struct {
	reply *client.Reply
	err   error
}

// do sends a request in the background.
func do(ctx context.Context, c *client.Client, r client.Request) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		reply, err := c.Do(ctx, r)
		done <- outcome{reply, err}
	}()
	return done
}

// patiently is a context that only a failing test sees the end of.
func patiently(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wantReply checks an outcome, and how often the request was sent; 0: any number.
func wantReply(t testing.TB, o outcome, data string, sent int) {
	t.Helper()
	if o.err != nil {
		t.Fatalf("error %v, want %q", o.err, data)
	}
	if string(o.reply.Data) != data || sent != 0 && o.reply.Sent != sent {
		t.Errorf("answered %q after %d submissions, want %q after %d", o.reply.Data, o.reply.Sent, data, sent)
	}
}
