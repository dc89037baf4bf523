package link_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; no test comes near it unless it fails.
const patience = 30 * time.Second

// plane is a server with the links DC1 and DC2 on it.
type plane struct {
	t      *testing.T
	server *server.Server
	dc1    *end
	dc2    *end
}

// end is one link and its connection.
type end struct {
	*link.Link
	t  *testing.T
	nc *nats.Conn
}

func start(t *testing.T) *plane {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	p := &plane{t: t, server: s}
	p.dc1, p.dc2 = p.open("DC1"), p.open("DC2")
	return p
}

func (p *plane) connect() *nats.Conn {
	p.t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(p.server), nats.NoEcho(), nats.Timeout(patience))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(nc.Close)
	return nc
}

// open joins one more link.
func (p *plane) open(name string) *end { p.t.Helper(); return p.openOn(true, name) }

// openOn joins one more link, to a plane that is the nodes' own or not.
func (p *plane) openOn(own bool, name string) *end {
	p.t.Helper()
	nc := p.connect()
	l, err := link.Open(nc, name, own)
	if err == nil {
		err = l.Join()
	}
	if err == nil {
		err = nc.FlushTimeout(patience)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return &end{Link: l, t: p.t, nc: nc}
}

// next returns the next message of a link, unread.
func (e *end) next() *nats.Msg {
	e.t.Helper()
	select {
	case m := <-e.Messages():
		if !e.Carried(m) {
			e.t.Errorf("%s is not carried by the link it came by", m.Subject)
		}
		return m
	case <-time.After(patience):
		e.t.Fatalf("waited %v for a message in vain", patience)
		panic("unreachable")
	}
}

// read returns the next event of a link, which has to be of a kind.
func (e *end) read(kind link.Kind) link.Event {
	e.t.Helper()
	event, err := e.Read(e.next())
	if err != nil || event.Kind != kind {
		e.t.Fatalf("kind %d, %v; want kind %d", event.Kind, err, kind)
	}
	return event
}

// must fails the test unless the message was sent.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func attempt(slot uint32) mesh.Attempt {
	return mesh.Attempt{Incarnation: 7, Slot: slot, Generation: 3, Random: 1 << 60}
}

func capacity(node string) mesh.Capacity {
	return mesh.Capacity{Node: node, Incarnation: 7, Sequence: 5, Service: "gpu", Workers: 3, Idle: 2, Waiting: 1, Excess: 1, ServiceTime: time.Millisecond, Spare: 0.5, Demand: 2, Received: 9}
}

func delegated() mesh.Delegation {
	return mesh.Delegation{Origin: "DC1", Incarnation: 7, Attempt: attempt(1), Service: "gpu", Age: time.Second, Left: time.Minute, Losses: 2, Number: 8, Patience: time.Second}
}

func TestDelegate(t *testing.T) {
	t.Parallel()
	p := start(t)
	request := &nats.Msg{Subject: "localfe", Reply: "client", Header: nats.Header{"X": {"y"}}, Data: []byte("task")}
	for range 2 { // the message stays the client's, to be delegated again
		must(t, p.dc1.Delegate("DC2", request, delegated(), capacity("DC1")))
		want(t, "the client's header", request.Header, nats.Header{"X": {"y"}})
		got := p.dc2.read(link.Task)
		want(t, "delegation", got.Delegation, delegated())
		want(t, "capacity", got.Capacity, capacity("DC1"))
		want(t, "data", string(got.Message.Data), "task")
		want(t, "header", got.Message.Header.Get("X"), "y")

		must(t, p.dc2.Answer(got.Message, nats.Header{"A": {"b"}}, []byte("done"), capacity("DC2")))
		answer := p.dc1.read(link.Answered)
		want(t, "attempt", answer.Attempt, attempt(1))
		want(t, "subject", answer.Message.Subject+"."+answer.Message.Reply, got.Message.Reply)
		want(t, "capacity", answer.Capacity, capacity("DC2"))
		want(t, "data", string(answer.Message.Data), "done")
		want(t, "header", answer.Message.Header.Get("A"), "b")

		must(t, p.dc2.Return(got.Message, 4, "no idle worker; at all", capacity("DC2")))
		back := p.dc1.read(link.Returned)
		want(t, "attempt", back.Attempt, attempt(1))
		want(t, "losses", back.Losses, 4)
		want(t, "refusal", back.Message.Header.Get(mesh.HeaderRefusal), "4;no idle worker; at all")
		want(t, "subject", back.Message.Subject, answer.Message.Subject) // always the same

		must(t, got.Message.Respond([]byte("by hand")))
		answer = p.dc1.read(link.Answered)
		want(t, "attempt", answer.Attempt, attempt(1))
		want(t, "subject", answer.Message.Subject, got.Message.Reply)
	}
	request.Header = nil
	must(t, p.dc1.Delegate("DC2", request, delegated(), capacity("DC1")))
	want(t, "the client's header", request.Header, nats.Header(nil))
	p.dc2.read(link.Task)
}

// On a plane that is not the nodes' own, answers go to their very reply subjects.
func TestDelegateOnAnotherPlane(t *testing.T) {
	t.Parallel()
	p := start(t)
	dc3 := p.openOn(false, "DC3")
	for range 2 {
		must(t, dc3.Delegate("DC2", &nats.Msg{}, delegated(), capacity("DC3")))
		task := p.dc2.read(link.Task).Message
		must(t, p.dc2.Answer(task, nil, []byte("done"), capacity("DC2")))
		answer := dc3.read(link.Answered)
		want(t, "attempt", answer.Attempt, attempt(1))
		want(t, "subject", answer.Message.Subject, task.Reply)
		must(t, p.dc2.Return(task, 0, "no idle worker", capacity("DC2")))
		back := dc3.read(link.Returned)
		want(t, "attempt", back.Attempt, attempt(1))
		want(t, "subject", back.Message.Subject, task.Reply)
	}
	must(t, dc3.Delegate("DC9", &nats.Msg{}, delegated(), capacity("DC3")))
	want(t, "attempt", dc3.read(link.Unreachable).Attempt, attempt(1))
}

// The reply subject of a delegation is its sender's choice.
func TestForeignReplySubject(t *testing.T) {
	t.Parallel()
	p := start(t)
	stranger := p.connect()
	answers, err := stranger.SubscribeSync("x.t1")
	must(t, err)
	m := &nats.Msg{Subject: "cloud.DC2", Reply: "x.t1", Header: nats.Header{mesh.HeaderDelegation: {string(delegated().AppendText(nil))}}}
	must(t, stranger.PublishMsg(m))
	task := p.dc2.read(link.Task).Message
	must(t, p.dc2.Answer(task, nil, []byte("done"), capacity("DC2")))
	must(t, p.dc2.Return(task, 0, "no idle worker", capacity("DC2")))
	for _, want := range []string{"done", ""} {
		answer, err := answers.NextMsg(patience)
		must(t, err)
		if string(answer.Data) != want || answer.Reply != "" {
			t.Errorf("answered with %q, reply subject %q", answer.Data, answer.Reply)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	p := start(t)
	all := []mesh.Attempt{attempt(1), attempt(2), attempt(3)}
	must(t, p.dc1.Ask("DC2", all))
	question := p.dc2.read(link.Held)
	want(t, "attempts", question.Attempts, all)
	for _, missing := range [][]mesh.Attempt{all[1:], nil} {
		must(t, p.dc2.Tell(question.Message, missing, mesh.Capacity{Node: "DC2", Incarnation: 1}))
		want(t, "missing", p.dc1.read(link.NotHeld).Attempts, missing)
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	p := start(t)
	must(t, p.dc1.Relay("DC2", &nats.Msg{Header: nats.Header{mesh.HeaderTimeout: {"1s"}}, Data: []byte("task")}, "77"))
	probe := p.dc2.read(link.Probe)
	want(t, "deadline", probe.Message.Header.Get(mesh.HeaderTimeout), "1s")
	want(t, "data", string(probe.Message.Data), "task")
	must(t, probe.Message.Respond([]byte("done")))
	answer := p.dc1.read(link.Relayed)
	want(t, "answer", answer.Token+" "+string(answer.Message.Data), "77 done")
	want(t, "nobody", answer.Nobody, false)
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	p := start(t)
	s := mesh.State{
		Version: mesh.Version, Name: "DC1", Incarnation: mesh.Incarnation(7).String(), Sequence: 9, SentAt: time.Now().UTC().Round(0),
		Services: []mesh.Load{{Service: "gpu", Workers: 3, Idle: 1, Waiting: 2}},
	}
	data, err := p.dc1.Announce(s, false)
	must(t, err)
	got := p.dc2.read(link.State)
	want(t, "state", got.State, s)
	want(t, "incarnation", got.Incarnation, mesh.Incarnation(7))
	want(t, "body", string(got.Message.Data), string(data))
	if len(p.dc1.Messages()) > 0 {
		t.Error("it hears itself")
	}
}

func TestWhoHolds(t *testing.T) {
	t.Parallel()
	p := start(t)
	if id, _, held := p.open("DC3").WhoHolds(t.Context(), patience); held {
		t.Errorf("the name is held by %+v", id)
	}
	identity := mesh.Identity{Name: "DC1", Incarnation: mesh.Incarnation(7).String(), UptimeMS: 1234}
	type holder struct {
		id          mesh.Identity
		incarnation mesh.Incarnation
		held        bool
	}
	twin := p.open("DC1")
	asked := make(chan holder, 1)
	ask := func() {
		var h holder
		h.id, h.incarnation, h.held = twin.WhoHolds(context.Background(), patience)
		asked <- h
	}
	go ask()
	must(t, p.dc1.Identify(p.dc1.read(link.Who).Message, identity))
	want(t, "holder", <-asked, holder{identity, 7, true})
	go ask()
	must(t, p.dc1.read(link.Who).Message.Respond([]byte("nonsense")))
	want(t, "held", (<-asked).held, false)
}

// What finds nobody is told by the server, as the event that concerns it.
func TestNobody(t *testing.T) {
	t.Parallel()
	p := start(t)
	request := &nats.Msg{Data: []byte("task")}
	must(t, p.dc1.Delegate("DC9", request, delegated(), capacity("DC1")))
	want(t, "attempt", p.dc1.read(link.Unreachable).Attempt, attempt(1))
	must(t, p.dc1.Ask("DC9", []mesh.Attempt{attempt(1)}))
	p.dc1.read(link.Unanswered)
	must(t, p.dc1.Relay("DC9", request, "77"))
	answer := p.dc1.read(link.Relayed)
	if answer.Token != "77" || !answer.Nobody || !link.NoResponders(answer.Message) {
		t.Errorf("%+v", answer)
	}
}
