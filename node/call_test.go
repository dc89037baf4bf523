package node_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// called is the outcome of a call.
type called struct {
	answer *nats.Msg
	err    error
}

func call(ctx context.Context, n *node.Node, m *nats.Msg) <-chan called {
	done := make(chan called, 1)
	go func() {
		answer, err := n.RequestMsgWithContext(ctx, m)
		done <- called{answer, err}
	}()
	return done
}

// occupied gives DC1 one worker, which is busy with a call until the gate is opened.
func occupied(t testing.TB, m *nodetest.Mesh) (g *gate, first <-chan called) {
	t.Helper()
	g = newGate()
	m.Work("DC1", 1, g.handle)
	first = call(t.Context(), m.Node("DC1"), task("first"))
	receive(t, g.began)
	return g, first
}

// Both are asked in the same way.
var _ interface {
	RequestMsgWithContext(context.Context, *nats.Msg) (*nats.Msg, error)
} = (*nats.Conn)(nil)

// A call is a request: it is done here or elsewhere, told who did it if it has a
// header, and refused like one.
func TestCall(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	m.Work("DC1", 1, echo)
	m.WorkService("DC2", "there", 1, echo)
	m.AwaitWorkers("DC2", "there", 1)
	n := m.Node("DC1")
	for _, request := range []*nats.Msg{task("here"), {Subject: mesh.SubjectRequest, Data: []byte("here")}} {
		headers := len(request.Header)
		got := receive(t, call(t.Context(), n, request))
		if got.err != nil || string(got.answer.Data) != "here" || len(got.answer.Header) > 0 != (headers > 0) {
			t.Fatalf("%+v", got)
		}
	}
	got := receive(t, call(t.Context(), n, taskFor("there", "far")))
	if got.err != nil {
		t.Fatal(got.err)
	}
	wantAnswer(t, got.answer, "far", "DC2")
	for _, wrong := range []*nats.Msg{
		{Subject: mesh.SubjectRequest, Data: make([]byte, node.MaxTask+1)},
		{Subject: mesh.SubjectRequest, Header: nats.Header{"bad name": {""}}},
		{Subject: mesh.SubjectRequest, Header: nats.Header{mesh.HeaderTimeout: {"soon"}}},
	} {
		got := receive(t, call(t.Context(), n, wrong))
		if got.err != nil {
			t.Fatal(got.err)
		}
		wantError(t, got.answer, "400")
	}
	for _, wrong := range []*nats.Msg{nil, {}, {Subject: "localfe."}, {Subject: "localbe.ready"}, {Subject: "cloud.DC2"}} {
		if got := receive(t, call(t.Context(), n, wrong)); got.err == nil {
			t.Errorf("%+v is answered by %+v", wrong, got.answer)
		}
	}
}

// What is in a call is the caller's again when it returns, and so is its answer.
func TestCallSharesNothing(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	m.Work("DC1", 1, echo)
	for range 2 {
		request := taskFor("", "once")
		request.Header.Set(nats.MsgIdHdr, "1")
		got := receive(t, call(t.Context(), m.Node("DC1"), request))
		if got.err != nil || string(got.answer.Data) != "once" || got.answer.Header.Get(mesh.HeaderNode) != "DC1" || request.Header.Get("From") != "test" {
			t.Fatalf("%+v of %+v", got, request)
		}
		clear(got.answer.Data)
		clear(got.answer.Header)
		got.answer.Header[mesh.HeaderNode] = []string{"nobody"}
		clear(request.Data)
		clear(request.Header)
	}
}

// A task whose caller has gone is not started.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	n := m.Node("DC1")
	g, first := occupied(t, m)
	ctx, leave := context.WithCancel(t.Context())
	second := call(ctx, n, task("second"))
	m.Await("DC1", "a waiting task", func(v node.View) bool { return v.Load("").Waiting == 1 })
	leave()
	if got := receive(t, second); !errors.Is(got.err, context.Canceled) {
		t.Errorf("%+v", got)
	}
	third := call(t.Context(), n, task("third"))
	m.Await("DC1", "two waiting tasks", func(v node.View) bool { return v.Load("").Waiting == 2 })
	close(g.open)
	for _, c := range []<-chan called{first, third} {
		if got := receive(t, c); got.err != nil {
			t.Fatal(got.err)
		}
	}
	if began := receive(t, g.began); began != "third" {
		t.Errorf("%q was begun", began)
	}
	if v := m.View("DC1"); v.Stats.Dropped != 1 {
		t.Errorf("%d tasks were dropped", v.Stats.Dropped)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if got := receive(t, call(gone, n, task("never"))); !errors.Is(got.err, context.Canceled) {
		t.Errorf("%+v", got)
	}
}

// A node that drains finishes its calls and refuses others; one that has ended,
// and one that dies, says so. None is left without an answer.
func TestCallOfANodeThatEnds(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	n, client := m.Node("DC1"), m.Client("DC1")
	g, first := occupied(t, m)
	ended := shutdown(m, "DC1")
	awaitDraining(t, client)
	got := receive(t, call(t.Context(), n, taskFor("nowhere", "late")))
	if got.err != nil {
		t.Fatal(got.err)
	}
	wantError(t, got.answer, "503")
	close(g.open)
	if got := receive(t, first); got.err != nil || string(got.answer.Data) != "first" {
		t.Errorf("%+v", got)
	}
	receive(t, ended)
	if got := receive(t, call(t.Context(), n, task("too late"))); !errors.Is(got.err, node.ErrEnded) {
		t.Errorf("%+v", got)
	}

	waits := call(t.Context(), m.Node("DC2"), task("in vain"))
	m.Await("DC2", "a waiting task", func(v node.View) bool { return v.Load("").Waiting == 1 })
	m.Kill("DC2")
	if got := receive(t, waits); !errors.Is(got.err, node.ErrEnded) {
		t.Errorf("%+v", got)
	}
}

// Many calls at once, each with its own answer.
func TestManyCalls(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	m.Work("DC1", 5, echo)
	n := m.Node("DC1")
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Timeout)
	defer cancel()
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() {
			data := make([]byte, 0, 16) // used again and again
			for j := range 40 {
				data = strconv.AppendInt(data[:0], int64(100*i+j), 10)
				answer, err := n.RequestMsgWithContext(ctx, &nats.Msg{Subject: mesh.SubjectRequest, Data: data})
				if err != nil || string(answer.Data) != string(data) {
					t.Errorf("%s: %+v, %v", data, answer, err)
					return
				}
			}
		})
	}
	callers.Wait()
}

// The tasks of callers that gave up are dropped at their turn: they take no room in
// the queue after that, as those do whose clients may be back.
func TestCallersWhoGaveUp(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout, c.QueueLimit = nodetest.Timeout, 4 }))
	n, client := m.Node("DC1"), m.Client("DC1")
	g, first := occupied(t, m)
	for i := range 4 {
		ctx, leave := context.WithCancel(t.Context())
		waits := call(ctx, n, task("gone"))
		m.Await("DC1", "one more waiting task", func(v node.View) bool { return v.Load("").Waiting == i+1 })
		leave()
		receive(t, waits)
	}
	close(g.open)
	receive(t, first)
	wantAnswer(t, receive(t, ask(t, client, task("next"))), "next", "DC1")
	if v := m.View("DC1"); v.Stats.Dropped != 4 || v.Stats.Dispatched != 2 {
		t.Errorf("%d tasks were dropped, %d run", v.Stats.Dropped, v.Stats.Dispatched)
	}
}

// A call and a client of NATS with the same id get the same answer, of one run,
// whoever leads and even if the one that does gives up.
func TestCallJoins(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	n, client := m.Node("DC1"), m.Client("DC1")
	g, busy := occupied(t, m)
	same := func() *nats.Msg {
		r := task("once")
		r.Header.Set(nats.MsgIdHdr, "1")
		return r
	}
	ctx, leave := context.WithCancel(t.Context())
	leads := call(ctx, n, same())
	m.Await("DC1", "a waiting task", func(v node.View) bool { return v.Load("").Waiting == 1 })
	joins, answers := call(t.Context(), n, same()), ask(t, client, same())
	m.Await("DC1", "four requests", func(v node.View) bool { return v.Stats.Requests == 4 })
	leave()
	receive(t, leads)
	close(g.open)
	receive(t, busy)
	if got := receive(t, joins); got.err != nil || string(got.answer.Data) != "once" {
		t.Errorf("%+v", got)
	}
	wantAnswer(t, receive(t, answers), "once", "DC1")
	if got := receive(t, call(t.Context(), n, same())); got.err != nil || string(got.answer.Data) != "once" {
		t.Errorf("%+v", got)
	}
	if v := m.View("DC1"); v.Stats.Dispatched != 2 {
		t.Errorf("%d tasks were run", v.Stats.Dispatched)
	}
}
