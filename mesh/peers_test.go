package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const roundTrip = 5 * ms

func newPeers() *Peers { return &Peers{Expiry: 3 * time.Second, RoundTrip: roundTrip} }

// report is a state of the default service.
func report(sequence uint64, workers, idle, waiting int) State {
	return State{Sequence: sequence, Services: []Load{{Workers: workers, Idle: idle, Waiting: waiting}}}
}

func names(peers []*Peer) string {
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	return fmt.Sprint(names)
}

func TestPeersHeard(t *testing.T) {
	ps := newPeers()
	b, old := ps.Heard(0, "b", 1)
	ps.Heard(0, "c", 1)
	ps.Heard(0, "a", 1)
	if names(ps.All()) != "[a b c]" || old != nil || ps.Find("b") != b || ps.Find("d") != nil {
		t.Errorf("peers %s, old %v", names(ps.All()), old)
	}
	if again, old := ps.Heard(1, "b", 1); again != b || old != nil {
		t.Errorf("the same incarnation: %v, %v", again, old)
	}
	// A new incarnation has a fresh entry, and the old one is handed out.
	b.State(1, roundTrip, report(5, 3, 3, 0))
	next, old := ps.Heard(2, "b", 2)
	if next == b || old != b || next.Incarnation != 2 || next.Free("") != 0 || names(ps.All()) != "[a b c]" {
		t.Errorf("a new incarnation: %+v, old %p", next, old)
	}
	// A straggler of the one before is no sign of life.
	if p, old := ps.Heard(3, "b", 1); p != nil || old != nil || ps.Find("b") != next {
		t.Errorf("a straggler: %v, %v", p, old)
	}
	ps.Remove(next)
	if names(ps.All()) != "[a c]" {
		t.Errorf("peers %s", names(ps.All()))
	}
}

func TestPeersExpired(t *testing.T) {
	ps := newPeers()
	if gone, next := ps.Expired(time.Second); gone != nil || next != 4*time.Second {
		t.Errorf("of none: %s, next at %v", names(gone), next)
	}
	ps.Heard(0, "a", 1)
	ps.Heard(1*time.Second, "b", 1)
	ps.Heard(2*time.Second, "c", 1)
	ps.Heard(2500*ms, "a", 1)
	for _, c := range []struct {
		now  time.Duration
		gone string
		next time.Duration
	}{
		{3999 * ms, "[]", 4 * time.Second},
		{4 * time.Second, "[b]", 5 * time.Second},
		{5499 * ms, "[b c]", 5500 * ms},
		{5500 * ms, "[a b c]", 8500 * ms},
	} {
		if gone, next := ps.Expired(c.now); names(gone) != c.gone || next != c.next {
			t.Errorf("at %v: %s, next at %v; want %s, %v", c.now, names(gone), next, c.gone, c.next)
		}
	}
}

func TestPeerSequence(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	for _, step := range []struct {
		what string
		do   func()
		free int
	}{
		{"a state", func() { p.State(0, roundTrip, report(10, 5, 5, 0)) }, 5},
		{"the same again", func() { p.State(0, roundTrip, report(10, 5, 4, 0)) }, 5},
		{"an older state", func() { p.State(0, roundTrip, report(9, 5, 3, 0)) }, 5},
		{"an older capacity", func() { p.Capacity(0, roundTrip, Capacity{Sequence: 9, Workers: 5, Idle: 2}) }, 5},
		{"a newer capacity", func() { p.Capacity(0, roundTrip, Capacity{Sequence: 12, Workers: 5, Idle: 1}) }, 1},
		{"a state from between", func() { p.State(0, roundTrip, report(11, 5, 5, 0)) }, 1},
		{"a newer state", func() { p.State(0, roundTrip, report(13, 5, 5, 2)) }, 3},
		{"a state without the service", func() { p.State(0, roundTrip, State{Sequence: 14}) }, 0},
		{"a capacity from before that", func() { p.Capacity(0, roundTrip, Capacity{Sequence: 13, Workers: 5, Idle: 5}) }, 0},
		{"more waiting than idle", func() { p.State(0, roundTrip, report(15, 5, 2, 4)) }, 0},
	} {
		if step.do(); p.Free("") != step.free {
			t.Errorf("%s: %d free, want %d", step.what, p.Free(""), step.free)
		}
	}
	if p.Free("gpu") != 0 {
		t.Error("an unknown service has room")
	}
}

// A task sent to a peer counts against it until a report is old enough to
// include it, or until it comes back.
func TestPeerDebits(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	for _, step := range []struct {
		what        string
		do          func()
		free        int
		outstanding int
	}{
		{"three are idle", func() { p.State(0, roundTrip, report(1, 3, 3, 0)) }, 3, 0},
		{"one sent", func() { p.Sent(10*ms, "") }, 2, 1},
		{"two sent at once", func() { p.Sent(12*ms, ""); p.Sent(12*ms, "") }, 0, 3},
		{"one more than there is room for", func() { p.Sent(13*ms, "") }, 0, 4},
		{"one of them is back", func() { p.Answered(12*ms, "") }, 0, 3},
		{"a report that crossed them", func() { p.State(14*ms, roundTrip, report(2, 3, 3, 0)) }, 0, 3},
		{"a report that has the first", func() { p.State(15*ms, roundTrip, report(3, 3, 2, 0)) }, 0, 3},
		{"a report that has them all", func() { p.State(18*ms, roundTrip, report(4, 3, 1, 0)) }, 1, 3},
		{"an answer to one that is in the report", func() { p.Answered(10*ms, "") }, 1, 2},
		{"a service that it never told of", func() { p.Sent(19*ms, "gpu"); p.Answered(19*ms, "gpu"); p.Answered(19*ms, "cpu") }, 1, 1},
	} {
		if step.do(); p.Free("") != step.free || p.Outstanding != step.outstanding {
			t.Errorf("%s: %d free, %d outstanding; want %d, %d", step.what, p.Free(""), p.Outstanding, step.free, step.outstanding)
		}
	}
}

func TestPeerClosed(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	p.State(0, roundTrip, report(1, 3, 3, 0))
	p.Unreachable(0)
	if p.Free("") != 0 || ps.Overflow("", 0) != nil {
		t.Error("an unreachable peer gets tasks")
	}
	if ps.Heard(1, "a", 1); p.Free("") != 3 {
		t.Error("a peer that is heard again gets no task")
	}
	draining := report(2, 3, 3, 1)
	draining.Draining = true
	if p.State(1, roundTrip, draining); p.Free("") != 0 || ps.Overflow("", 0) != nil || p.Left() {
		t.Error("a draining peer gets tasks")
	}
	if o := ps.Pull(1, "", 1, 0); o.Peer != p {
		t.Error("a draining peer is not asked for what waits there")
	}
	leaving := report(3, 3, 3, 0)
	leaving.Leaving = true
	if p.State(1, roundTrip, leaving); p.Free("") != 0 || !p.Left() || ps.Serves("") || len(ps.Views()) > 0 {
		t.Error("a peer that left is still there")
	}
	if p, old := ps.Heard(2, "a", 1); p != nil || old != nil {
		t.Error("a straggler revives a peer that left")
	}
	if q, old := ps.Heard(2, "a", 2); q == nil || old != p || q.Left() {
		t.Error("its next incarnation is not heard")
	}
}

func TestPeersServes(t *testing.T) {
	ps := newPeers()
	a, _ := ps.Heard(0, "a", 1)
	b, _ := ps.Heard(0, "b", 1)
	a.State(0, roundTrip, report(1, 0, 0, 7)) // tasks wait there, but it has no worker
	if ps.Serves("") {
		t.Error("nobody has a worker")
	}
	if b.State(0, roundTrip, report(1, 1, 0, 0)); !ps.Serves("") || ps.Serves("gpu") {
		t.Error("b has a busy worker, of the default service")
	}
}

// A peer cannot make this node remember services without end.
func TestPeerServicesBounded(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	for i := range MaxServices + 10 {
		p.Capacity(0, roundTrip, Capacity{Sequence: uint64(i + 1), Service: fmt.Sprint(i), Workers: 1, Idle: 1})
	}
	if len(p.loads) != MaxServices {
		t.Errorf("%d services", len(p.loads))
	}
	if p.State(0, roundTrip, report(1e6, 1, 1, 0)); len(p.loads) != 1 {
		t.Errorf("%d services after a full report of one", len(p.loads))
	}
}

func TestPeersViews(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	p.State(0, roundTrip, report(1, 3, 2, 0))
	p.Sent(0, "")
	p.Unreachable(0)
	views := ps.Views()
	if len(views) != 1 {
		t.Fatalf("%d peers", len(views))
	}
	v := views[0]
	if v.Name != "a" || v.Incarnation != 1 || v.Outstanding != 1 || v.Reachable || !slices.Equal(v.Services, []Load{{Workers: 3, Idle: 2}}) {
		t.Errorf("%+v", v)
	}
}
