package link_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
)

// A link whose connection was closed goes on over another one: with its name, the answers
// to what it asked before, and the news that it follows. What it had is still its own.
func TestOver(t *testing.T) {
	t.Parallel()
	p := start(t)
	must(t, p.dc2.Follow("DC1"))
	must(t, p.dc2.Ask("DC1", nil))
	question := p.dc1.read(link.Held)
	must(t, p.dc1.Delegate("DC2", &nats.Msg{Data: []byte("x")}, delegated(), capacity("DC1")))
	guest := p.dc2.read(link.Task)
	p.dc2.nc.Close()

	nc := p.connect()
	over, err := p.dc2.Over(nc)
	must(t, err)
	must(t, nc.FlushTimeout(patience))
	if !over.Carried(guest.Message) {
		t.Error("a task that came before is a stranger's")
	}
	dc2 := &end{Link: over, t: t, nc: nc}
	must(t, p.dc1.Tell(question.Message, nil, capacity("DC1")))
	dc2.read(link.NotHeld)
	must(t, p.dc1.Ask("DC2", nil))
	dc2.read(link.Held)
	_, err = p.dc1.Announce(mesh.State{Version: mesh.Version, Name: "DC1", Incarnation: mesh.Incarnation(7).String(), Sequence: 1}, true)
	must(t, err)
	select {
	case m := <-over.Messages():
		want(t, "the subject", m.Subject, mesh.NewsSubject("DC1"))
	case <-time.After(patience):
		t.Error("no news")
	}
}

// Over a connection that is closed there is no link.
func TestOverAClosedConnection(t *testing.T) {
	t.Parallel()
	p := start(t)
	nc := p.connect()
	nc.Close()
	if _, err := link.Open(nc, "DC3", true); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("opened: %v", err)
	}
	if _, err := p.dc2.Over(nc); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("continued: %v", err)
	}
	p.dc2.nc.Close()
	if err := p.dc2.Follow("DC1"); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("followed: %v", err)
	}
}
