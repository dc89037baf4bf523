package link_test

import (
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
)

// News are heard by those that follow, heartbeats by all; people who watch the
// states of the plane see both.
func TestFollow(t *testing.T) {
	t.Parallel()
	p := start(t)
	dc3, watcher := p.open("DC3"), p.connect()
	seen, err := watcher.SubscribeSync("state.>")
	must(t, err)
	must(t, watcher.FlushTimeout(patience))
	sequence := uint64(0)
	announce := func(news bool) {
		t.Helper()
		sequence++
		_, err := p.dc1.Announce(mesh.State{Version: mesh.Version, Name: "DC1", Incarnation: mesh.Incarnation(7).String(), Sequence: sequence}, news)
		must(t, err)
		m, err := seen.NextMsg(patience)
		must(t, err)
		if want := map[bool]string{true: "state.DC1.news", false: "state.DC1"}[news]; m.Subject != want {
			t.Errorf("announced on %s, want %s", m.Subject, want)
		}
	}
	hears := func(e *end, want uint64) {
		t.Helper()
		m := <-e.Messages()
		event, err := e.Read(m)
		if err != nil || event.Kind != link.State || event.State.Name != "DC1" || event.State.Sequence != want {
			t.Fatalf("%s: %+v, %v; want number %d", m.Subject, event.State, err, want)
		}
	}
	must(t, p.dc2.Follow("DC1"))
	must(t, p.dc2.Follow("DC1"))
	must(t, p.dc2.nc.FlushTimeout(patience))
	announce(true)
	announce(false)
	hears(p.dc2, 1)
	hears(p.dc2, 2)
	hears(dc3, 2)

	must(t, p.dc2.Unfollow("DC1"))
	must(t, p.dc2.Unfollow("DC1"))
	must(t, p.dc2.nc.FlushTimeout(patience))
	announce(true)
	announce(false)
	hears(p.dc2, 4)
	hears(dc3, 4)

	must(t, dc3.Follow("DC1"))
	must(t, dc3.Leave())
	must(t, dc3.nc.FlushTimeout(patience))
	announce(true)
	announce(false)
	hears(p.dc2, 6)
	if n := len(dc3.Messages()); n > 0 {
		t.Errorf("%d messages after it left", n)
	}
}
