package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
)

// What a node gets to see of a request.
func TestRequest(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	ctx := patiently(t)
	given := nats.Header{nats.MsgIdHdr: {"of the header"}, mesh.HeaderTimeout: {"1s"}, "X": {"1", "2"}}
	ids := make(map[string]bool)
	for _, test := range []struct {
		ctx     context.Context
		request client.Request
		subject string
		id      string
		timeout bool
	}{
		{ctx, client.Request{Data: []byte("a")}, "localfe", "", true},
		{context.Background(), client.Request{Service: "s"}, "localfe.s", "", false},
		{context.Background(), client.Request{Header: given}, "localfe", "of the header", false},
		{ctx, client.Request{Header: given, ID: "mine"}, "localfe", "mine", true},
	} {
		done := do(test.ctx, c, test.request)
		m := n.next()
		n.answer(m, mesh.HeaderWorker, "w", mesh.HeaderAttempt, "a1", mesh.HeaderHops, "1", "Y", "z")
		if id := m.Header.Get(nats.MsgIdHdr); m.Subject != test.subject || id == "" || ids[id] || test.id != "" && id != test.id {
			t.Errorf("on %s with id %q, want %s with %q", m.Subject, id, test.subject, test.id)
		} else {
			ids[id] = true
		}
		if left, err := mesh.ParseTimeout(m.Header.Get(mesh.HeaderTimeout)); test.timeout != (err == nil && left > patience/2 && left < patience) {
			t.Errorf("%s: %q", mesh.HeaderTimeout, m.Header[mesh.HeaderTimeout])
		}
		if test.request.Header != nil && fmt.Sprint(m.Header["X"]) != "[1 2]" {
			t.Errorf("header %v", m.Header)
		}
		o := receive(t, done)
		wantReply(t, o, string(test.request.Data), 1)
		if r := o.reply; r.Node != "fake" || r.Worker != "w" || r.Attempt != "a1" || r.Hops != 1 || r.Header.Get("Y") != "z" {
			t.Errorf("reply %+v", r)
		}
	}
	if len(given) != 3 || given.Get(mesh.HeaderTimeout) != "1s" {
		t.Errorf("the caller's header is %v", given)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	for _, test := range []struct {
		code   string
		worker string
		want   mesh.Code
	}{
		{"429", "", mesh.CodeQueueFull},
		{"503", "", mesh.CodeUnavailable},
		{"503", "w", mesh.CodeUnavailable},
		{"504", "", mesh.CodeDeadline},
		{"422", "w", 422},
		{"0", "w", mesh.CodeFailed},
		{"oops", "w", mesh.CodeFailed},
	} {
		done := do(context.Background(), c, client.Request{})
		n.answer(n.next(), mesh.HeaderErrorCode, test.code, mesh.HeaderError, "no luck", mesh.HeaderWorker, test.worker)
		o := receive(t, done)
		e, ok := errors.AsType[*client.Error](o.err)
		if !ok || o.reply != nil || *e != (client.Error{Code: test.want, Text: "no luck", Node: "fake", Worker: test.worker}) {
			t.Errorf("%s: %+v, %#v", test.code, o.reply, o.err)
		}
		if errors.Is(o.err, context.DeadlineExceeded) != (test.code == "504") {
			t.Errorf("%s: a deadline or not: %v", test.code, o.err)
		}
		if ok && e.Error() != fmt.Sprintf("%d: no luck", test.want) {
			t.Error(e)
		}
	}
}

// What no node would take is not sent at all.
func TestMalformed(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	for what, r := range map[string]client.Request{
		"service": {Service: "a.b"},
		"header":  {Header: nats.Header{"a b": {"c"}}},
		"large":   {Data: make([]byte, maxPayload+1)},
	} {
		_, err := c.Do(patiently(t), r)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != mesh.CodeBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(n.heard) != 0 {
		t.Error("something was sent")
	}
}

// A request that ends with its context tells how often it was sent.
func TestContext(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	ctx, cancel := context.WithCancel(context.Background())
	done := do(ctx, c, client.Request{ID: "mine"})
	first := n.next()
	n.refuse(first)
	n.next()
	cancel()
	err := receive(t, done).err
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "mine was sent 2 times") || !strings.Contains(err.Error(), "503: shutting down") {
		t.Error(err)
	}
	if _, err = c.Do(ctx, client.Request{}); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "sent 0 times") {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err = c.Do(late, client.Request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	n.answer(first) // nobody waits for it any more
	done = do(patiently(t), c, client.Request{Data: []byte("next")})
	n.answer(n.nextOf("next")) // the late one may have been sent
	wantReply(t, receive(t, done), "next", 1)
	if len(n.heard) != 0 {
		t.Errorf("%d more were sent", len(n.heard))
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	shared, nc := n.on()
	under, lost := n.on()
	for what, test := range map[string]struct {
		c   *client.Client
		end func()
	}{
		"own":                   {c: dial(t, n.s.ClientURL())},
		"shared":                {c: shared},
		"connection underneath": {under, lost.Close},
	} {
		var all []<-chan outcome
		for range 10 {
			all = append(all, do(context.Background(), test.c, client.Request{}))
		}
		for range all {
			n.next()
		}
		if test.end == nil {
			test.end = test.c.Close
		}
		test.end()
		for _, done := range all {
			err := receive(t, done).err
			if !errors.Is(err, client.ErrClosed) || !strings.Contains(err.Error(), "sent 1 times") || errors.Is(err, nats.ErrConnectionClosed) != (test.c == under) {
				t.Errorf("%s: %v", what, err)
			}
		}
		test.c.Close()
		if _, err := test.c.Do(context.Background(), client.Request{}); !errors.Is(err, client.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if nc.IsClosed() {
		t.Error("a connection that is not the client's was closed")
	}
	nc.Close()
	if _, err := client.New(nc); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
	if _, err := client.New(nil); err == nil {
		t.Error("a client on no connection")
	}
	for _, urls := range []string{
		"nats://x:y@host:z", "nats://me:se cret@host", "http://me:secret@host:1", "nats://me:se,cret@host", "nats://me:secret@host,wss://other-host", "nats://host,", " ",
		"nats://me:se#cret@host", "nats://me:se/cret@host", "nats://me:se?cret@host", "nats://me:se%cret@host",
	} {
		if _, err := client.Connect(urls); err == nil || strings.Contains(err.Error(), "cret") || !strings.Contains(err.Error(), strings.TrimSpace(urls[strings.LastIndexByte(urls, '@')+1:])) {
			t.Errorf("%s: %v", urls, err)
		}
	}
	dial(t, "", client.NATS(nats.InProcessServer(n.s))) // whose address is not looked at
}

// Everybody gets his own answer.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	n := startAbsent(t, 0)
	n.echo()
	c := dial(t, n.s.ClientURL())
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for k := range 50 {
				data := fmt.Sprint(i, k)
				reply, err := c.Do(patiently(t), client.Request{Data: []byte(data)})
				if err != nil || string(reply.Data) != data {
					t.Errorf("%s: %+v, %v", data, reply, err)
				}
			}
		})
	}
	all.Wait()
}
