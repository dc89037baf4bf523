package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A node that shuts down is asked again, with the same id and what is left of
// the time. The first answer to any submission counts.
func TestRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	one := n.next()
	n.refuse(one)
	two := n.next()
	if one.Header.Get(nats.MsgIdHdr) != two.Header.Get(nats.MsgIdHdr) || string(two.Data) != "x" {
		t.Errorf("first %v, then %v", one.Header, two.Header)
	}
	before, _ := mesh.ParseTimeout(one.Header.Get(mesh.HeaderTimeout))
	after, err := mesh.ParseTimeout(two.Header.Get(mesh.HeaderTimeout))
	if err != nil || after >= before {
		t.Errorf("first %v are left, then %v, %v", before, after, err)
	}
	one.Data = []byte("late")
	n.answer(one)
	n.answer(two)
	wantReply(t, receive(t, done), "late", 2)
}

func TestRetry(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on(client.Retry())
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	for _, code := range []string{"429", "503"} {
		n.answer(n.next(), mesh.HeaderErrorCode, code)
	}
	n.answer(n.next())
	wantReply(t, receive(t, done), "x", 3)

	for code, worker := range map[string]string{"503": "w", "404": ""} {
		done = do(patiently(t), c, client.Request{})
		n.answer(n.next(), mesh.HeaderErrorCode, code, mesh.HeaderWorker, worker)
		if e, ok := errors.AsType[*client.Error](receive(t, done).err); !ok || e.Worker != worker {
			t.Errorf("%s of %q: %v", code, worker, e)
		}
	}
}

// Answers that come too late are not taken for those of the next request.
func TestNoAnswerIsLeftOver(t *testing.T) {
	t.Parallel()
	n := startAbsent(t, 0)
	_, err := n.nc.Subscribe(mesh.SubjectRequest, func(m *nats.Msg) {
		for range 3 { // the client goes on with the first of them
			n.answer(m)
			n.refuse(m)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	c, _ := n.on()
	for i := range 200 {
		data := fmt.Sprint(i)
		wantReply(t, receive(t, do(patiently(t), c, client.Request{Data: []byte(data)})), data, 0)
	}
}

// A request that is answered in its pause leaves none to the next one.
func TestNoPauseIsLeftOver(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, _ := n.on()
	for i := range 10 {
		data := fmt.Sprint(i)
		done := do(patiently(t), c, client.Request{Data: []byte(data)})
		m := n.nextOf(data)
		n.refuse(m)
		n.answer(m)
		wantReply(t, receive(t, done), data, 0)
	}
	var held []<-chan outcome
	for range 10 {
		held = append(held, do(patiently(t), c, client.Request{Data: []byte("held")}))
	}
	var hands []*nats.Msg
	for range held {
		hands = append(hands, n.nextOf("held"))
	}
	longer := do(patiently(t), c, client.Request{Data: []byte("longer")})
	for range 3 { // pauses that together are longer than those before
		n.refuse(n.nextOf("longer"))
	}
	n.answer(n.nextOf("longer"))
	wantReply(t, receive(t, longer), "longer", 4)
	for _, m := range hands {
		n.answer(m)
	}
	for _, done := range held {
		wantReply(t, receive(t, done), "held", 1)
	}
}

// A server without a node is asked until one is there.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	n := startAbsent(t, 0)
	c, _ := n.on()
	for wait := 100 * time.Millisecond; ; wait *= 2 { // until the server had the time to say so
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		_, err := c.Do(ctx, client.Request{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || wait > patience {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "no node listens") {
			break
		}
	}
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	n.serve()
	n.answer(n.nextOf("x")) // those before may be late
	wantReply(t, receive(t, done), "x", 0)
}

// What waits when the connection breaks is submitted again over the next one, at
// once.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	n := startNode(t, 0)
	c, nc := n.on()
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	for range 3 {
		n.next()
		cid, err := nc.GetClientID()
		if err != nil {
			t.Fatal(err)
		}
		if err := n.s.DisconnectClientByID(cid); err != nil {
			t.Fatal(err)
		}
	}
	n.answer(n.next())
	wantReply(t, receive(t, done), "x", 4)
}

// A client may be there before its node.
func TestConnectLater(t *testing.T) {
	t.Parallel()
	address := nodetest.Addresses(t, 1)[0]
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, "nats://"+address)
	// Why there is no connection is not known when it begins to wait.
	waits, giveUp := context.WithCancel(patiently(t))
	first := do(waits, c, client.Request{})
	for known := false; !known; {
		ctx, cancel := context.WithTimeout(patiently(t), 100*time.Millisecond)
		_, err := c.Do(ctx, client.Request{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "sent 0 times") || !strings.Contains(err.Error(), "not connected") {
			t.Fatal(err)
		}
		known = strings.Contains(err.Error(), "connection refused")
	}
	giveUp()
	if err := receive(t, first).err; err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	done := do(patiently(t), c, client.Request{Data: []byte("x")})
	n := startNode(t, int(at.Port()))
	n.answer(n.next())
	wantReply(t, receive(t, done), "x", 0) // the server is there a moment before the node
}

// With several nodes, a refused request goes to the next one, as soon as nothing
// else is in hand at the first.
func TestMovesOn(t *testing.T) {
	t.Parallel()
	a, b := startNode(t, 0), startNode(t, 0)
	c := dial(t, a.s.ClientURL()+","+b.s.ClientURL(), client.Grace(time.Hour))
	ctx := patiently(t)
	held := do(ctx, c, client.Request{Data: []byte("held")})
	inHand := a.next()
	refused := do(ctx, c, client.Request{Data: []byte("refused")})
	for range 3 { // it is asked again
		a.refuse(a.next())
	}
	if len(b.heard) != 0 {
		t.Error("it left while a task was in hand")
	}
	a.answer(inHand)
	wantReply(t, receive(t, held), "held", 1)
	b.answer(movesOn(ctx, t, a, b)) // to a it may be sent once more before the answer was there
	wantReply(t, receive(t, refused), "refused", 0)
}

// movesOn refuses what comes to a node until something comes to the next one.
func movesOn(ctx context.Context, t *testing.T, at, next *node) *nats.Msg {
	t.Helper()
	for {
		select {
		case m := <-at.heard:
			at.refuse(m)
		case m := <-next.heard:
			return m
		case <-ctx.Done():
			t.Fatal("it does not move on")
		}
	}
}

// From the next node it moves on as it did from the first, and round its list.
func TestMovesOnAgain(t *testing.T) {
	t.Parallel()
	a, b := startNode(t, 0), startNode(t, 0)
	c := dial(t, a.s.ClientURL()+","+b.s.ClientURL(), client.Grace(time.Hour))
	ctx := patiently(t)
	done := do(ctx, c, client.Request{Data: []byte("x")})
	at, next := a, b
	m := at.next()
	for range 3 {
		at.refuse(m)
		m = movesOn(ctx, t, at, next)
		at, next = next, at
	}
	at.answer(m)
	wantReply(t, receive(t, done), "x", 0)
}

// After its grace it does not wait for what is in hand; that is submitted again,
// too.
func TestGrace(t *testing.T) {
	t.Parallel()
	a, b := startNode(t, 0), startNode(t, 0)
	c := dial(t, a.s.ClientURL()+","+b.s.ClientURL(), client.Grace(0))
	ctx := patiently(t)
	held := do(ctx, c, client.Request{Data: []byte("held")})
	a.next()
	refused := do(ctx, c, client.Request{Data: []byte("refused")})
	a.refuse(a.next())
	for range 2 {
		b.answer(b.next())
	}
	wantReply(t, receive(t, held), "held", 2)
	wantReply(t, receive(t, refused), "refused", 2)
}

// Options of the connection are the caller's to add.
func TestOptions(t *testing.T) {
	t.Parallel()
	n := startAbsent(t, 0)
	dial(t, n.s.ClientURL(), client.NATS(nats.Name("mine")))
	known, err := n.s.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range known.Conns {
		if conn.Name == "mine" {
			return
		}
	}
	t.Errorf("no connection of that name: %+v", known.Conns)
}
