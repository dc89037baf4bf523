package link_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
)

func TestNoResponders(t *testing.T) {
	t.Parallel()
	for _, m := range []*nats.Msg{
		{},
		{Header: nats.Header{"Status": {"503"}}},
		{Header: nats.Header{"Nats-Subject": {"x"}}},
		{Header: nats.Header{"Status": {"408"}, "Nats-Subject": {"x"}}},
		{Header: nats.Header{"Status": {"503"}, "Nats-Subject": {"x"}}, Data: []byte("x")},
	} {
		if link.NoResponders(m) {
			t.Errorf("%v", m.Header)
		}
	}
}

// What cannot be understood is an error of that message alone.
func TestMalformed(t *testing.T) {
	t.Parallel()
	p := start(t)
	stranger := p.connect()
	with := func(subject, data string, header ...string) *nats.Msg {
		m := &nats.Msg{Subject: subject, Data: []byte(data), Header: nats.Header{}}
		for i := 0; i < len(header); i += 2 {
			m.Header.Set(header[i], header[i+1])
		}
		return m
	}
	// A real question shows where answers go.
	must(t, p.dc2.Delegate("DC1", with("", ""), delegated(), capacity("DC2")))
	toTask := p.dc1.read(link.Task).Message.Reply
	inbox := strings.TrimSuffix(toTask, "done."+attempt(1).String())
	for _, m := range []*nats.Msg{
		with("state.DC9", "{"), with("state.DC9", `{"version":1,"name":"DC8","incarnation":"a"}`),
		with("cloud.DC2", "", mesh.HeaderDelegation, "x"),
		with("cloud.DC2", "", mesh.HeaderCapacity, "x"),
		{Subject: "cloud.DC2", Reply: "state.DC2"}, {Subject: "cloud.DC2.held", Reply: "cloud.DC1"}, {Subject: "cloud.DC2", Reply: "cloud.done.x", Header: nats.Header{mesh.HeaderWho: {"DC2"}}},
		{Subject: "cloud.DC2", Reply: strings.Repeat("x", mesh.MaxSubject+1)}, {Subject: "cloud.DC2.held", Reply: strings.Repeat("x", mesh.MaxSubject+1)},
		with("cloud.DC2.held", "x"), with("cloud.DC2.held", attempt(1).String()+"\n\n"),
		with(toTask, "", mesh.HeaderRefusal, "x;no"), with(toTask, "", mesh.HeaderRefusal, "-1;no"), with(toTask, "done", mesh.HeaderCapacity, "x"),
		with(inbox+"done.x", ""), with(inbox+"done.x", "", mesh.HeaderRefusal, "0;no"), with(inbox+"done", ""), with(inbox+"t.x", ""), with(inbox+"t", ""), with(inbox+"h.DC1", "x"), with(inbox+"x.y", ""), with(inbox+"x", ""),
	} {
		must(t, stranger.PublishMsg(m))
		got := p.dc2.next()
		if e, err := p.dc2.Read(got); err == nil || got.Subject != m.Subject {
			t.Errorf("%s %q %v is read as kind %d", m.Subject, m.Data, m.Header, e.Kind)
		}
		if strings.HasPrefix(m.Subject, "state.") {
			p.dc1.next()
		}
	}
}

// A task that cannot be understood comes back as any other does. Where an answer would
// count as the word of the node that gives it, there is none.
func TestReject(t *testing.T) {
	t.Parallel()
	p := start(t)
	must(t, p.dc2.Delegate("DC1", &nats.Msg{}, delegated(), capacity("DC2")))
	task := p.dc1.read(link.Task).Message
	must(t, p.dc1.Reject(task, mesh.CodeBadRequest, "malformed delegation"))
	back := p.dc2.read(link.Returned)
	want(t, "attempt", back.Attempt, attempt(1))
	want(t, "refusal", back.Message.Header.Get(mesh.HeaderRefusal), "0;malformed delegation")
	want(t, "subject", back.Message.Subject+"."+back.Message.Reply, task.Reply)

	stranger := p.connect()
	heard, err := stranger.SubscribeSync(">")
	must(t, err)
	must(t, stranger.FlushTimeout(patience))
	for _, reply := range []string{"", "state.DC1", "cloud.DC2", "cloud.DC2.held", "cloud.done.x", "x"} {
		must(t, p.dc1.Reject(&nats.Msg{Reply: reply}, mesh.CodeBadRequest, "no"))
	}
	m, err := heard.NextMsg(patience)
	must(t, err)
	want(t, "the only answer", m.Subject, "x")
}

func TestSizes(t *testing.T) {
	t.Parallel()
	p := start(t)
	limit := int(p.dc1.MaxPayload())
	long := strings.Repeat("x", mesh.MaxToken)
	d, c := delegated(), capacity(long)
	d.Origin, d.Service, c.Service = long, long, long
	size := limit
	for !p.dc1.Fits(size) {
		size--
	}
	must(t, p.dc1.Delegate("DC2", &nats.Msg{Data: make([]byte, size)}, d, c))
	p.dc2.read(link.Task)
	if p.dc1.Fits(limit) || size < limit-2048 {
		t.Errorf("%d of %d fit", size, limit)
	}
}

// nowhere is a server that cannot be reached.
type nowhere struct{}

func (nowhere) InProcessConn() (net.Conn, error) { return nil, errors.New("nobody is there") }

// Before the plane was reached, a task may be as large as NATS allows by default.
func TestSizeBeforeThePlaneIsReached(t *testing.T) {
	t.Parallel()
	nc, err := nats.Connect("", nats.InProcessServer(nowhere{}), nats.RetryOnFailedConnect(true))
	must(t, err)
	defer nc.Close()
	l, err := link.Open(nc, "DC1", true)
	must(t, err)
	if limit := l.MaxPayload(); limit != 1<<20 || !l.Fits(1<<19) || l.Fits(1<<20) {
		t.Errorf("limit %d", limit)
	}
}

// What else arrives over the connection of a link is not its own.
func TestCarried(t *testing.T) {
	t.Parallel()
	p := start(t)
	other, err := p.dc2.nc.SubscribeSync("localfe")
	must(t, err)
	must(t, p.dc2.nc.FlushTimeout(patience))
	must(t, p.dc1.nc.Publish("localfe", nil))
	m, err := other.NextMsg(patience)
	must(t, err)
	if p.dc2.Carried(m) || p.dc2.Carried(&nats.Msg{}) {
		t.Error("a message of somewhere else is carried")
	}
}
