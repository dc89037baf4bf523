package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func newPeers() *Peers { return &Peers{Expiry: 3 * time.Second, RoundTrip: 5 * ms} }

// me is the node whose table is tested.
const me = "me"

// stateOf is a state of the default service.
func stateOf(sequence uint64, workers, idle, waiting int) State {
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
	b.State(1, stateOf(5, 3, 3, 0), me)
	next, old := ps.Heard(2, "b", 2)
	if next == b || old != b || next.Incarnation != 2 || next.Free("") != 0 || names(ps.All()) != "[a b c]" {
		t.Errorf("a new incarnation: %+v, old %p", next, old)
	}
	// A straggler of the one before is no sign of life.
	if p, old := ps.Heard(3, "b", 1); p != nil || old != nil || ps.Find("b") != next {
		t.Errorf("a straggler: %v, %v", p, old)
	}
	// Nor is one of the ones before that.
	next, _ = ps.Heard(4, "b", 3)
	for _, incarnation := range []Incarnation{1, 2} {
		if p, old := ps.Heard(5, "b", incarnation); p != nil || old != nil {
			t.Errorf("a straggler of incarnation %d: %v, %v", incarnation, p, old)
		}
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
		{"a state", func() { p.State(0, stateOf(10, 5, 5, 0), me) }, 5},
		{"the same again", func() { p.State(0, stateOf(10, 5, 4, 0), me) }, 5},
		{"an older state", func() { p.State(0, stateOf(9, 5, 3, 0), me) }, 5},
		{"an older capacity", func() { p.Capacity(0, Capacity{Sequence: 9, Workers: 5, Idle: 2}) }, 5},
		{"a newer capacity", func() { p.Capacity(0, Capacity{Sequence: 12, Workers: 5, Idle: 1}) }, 1},
		{"a state from between", func() { p.State(0, stateOf(11, 5, 5, 0), me) }, 1},
		{"a newer state", func() { p.State(0, stateOf(13, 5, 5, 2), me) }, 3},
		{"a state without the service", func() { p.State(0, State{Sequence: 14}, me) }, 0},
		{"a capacity from before that", func() { p.Capacity(0, Capacity{Sequence: 13, Workers: 5, Idle: 5}) }, 0},
		{"more waiting than idle", func() { p.State(0, stateOf(15, 5, 2, 4), me) }, 0},
	} {
		if step.do(); p.Free("") != step.free {
			t.Errorf("%s: %d free, want %d", step.what, p.Free(""), step.free)
		}
	}
	if p.Free("gpu") != 0 {
		t.Error("an unknown service has room")
	}
}

// A task sent to a peer counts against it until a report includes it, or until
// it comes back.
func TestPeerOnWay(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	var numbers []uint64
	send := func(service string) { numbers = append(numbers, p.Sent(0, service)) }
	state := func(sequence, received uint64, idle int) {
		s := stateOf(sequence, 3, idle, 0)
		s.Received = map[string]uint64{me: received, "somebody else": 99}
		p.State(0, s, me)
	}
	for _, step := range []struct {
		what        string
		do          func()
		free        int
		outstanding int
	}{
		{"three are idle", func() { state(1, 0, 3) }, 3, 0},
		{"one sent", func() { send("") }, 2, 1},
		{"two more", func() { send(""); send("") }, 0, 3},
		{"one more than there is room for", func() { send("") }, 0, 4},
		{"one of them is back", func() { p.Answered("", numbers[2]) }, 0, 3},
		{"a report that crossed them", func() { state(2, 0, 3) }, 0, 3},
		{"a report that has the first", func() { state(3, 1, 3) }, 1, 3},
		{"a report that has them all", func() { state(4, 4, 1) }, 1, 3},
		{"an older one that comes late", func() { state(3, 2, 3) }, 1, 3},
		{"an answer to one that is in the report", func() { p.Answered("", numbers[0]) }, 1, 2},
		{"a service that it never told of", func() { send("gpu"); p.Answered("gpu", numbers[4]) }, 1, 2},
		{"one more", func() { send("") }, 0, 3},
		{"a capacity that has more than were ever sent", func() { p.Capacity(0, Capacity{Sequence: 9, Workers: 3, Idle: 2, Received: 1 << 60}) }, 2, 3},
		{"one more", func() { send("") }, 1, 4},
		{"which is back", func() { p.Answered("", numbers[6]) }, 2, 3},
	} {
		if step.do(); p.Free("") != step.free || p.Outstanding != step.outstanding {
			t.Errorf("%s: %d free, %d outstanding; want %d, %d", step.what, p.Free(""), p.Outstanding, step.free, step.outstanding)
		}
	}
	for i, n := range numbers {
		if n != uint64(i+1) {
			t.Errorf("task %d has number %d", i+1, n)
		}
	}
}

func TestPeersReceived(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	ps.Heard(0, "b", 1)
	if got := ps.Received(); got != nil {
		t.Errorf("of none: %v", got)
	}
	if p.Took(0); ps.Received() != nil {
		t.Errorf("0 says nothing: %v", ps.Received())
	}
	if p.Took(4); len(ps.Received()) != 1 {
		t.Errorf("after the first task: %v", ps.Received())
	}
	p.Took(3) // delivered twice, or late
	p.Took(3)
	if got := ps.Received(); len(got) != 1 || got["a"] != 4 || p.Received() != 4 {
		t.Errorf("%v, %d", got, p.Received())
	}
	if len(ps.senders) != 1 {
		t.Errorf("one sender is noted %d times", len(ps.senders))
	}
	if next, _ := ps.Heard(1, "a", 2); next.Received() != 0 || ps.Received() != nil {
		t.Errorf("a new incarnation begins with what the old one sent: %d, %v", next.Received(), ps.Received())
	}
	if p.Took(5); ps.Received() != nil {
		t.Errorf("one that is gone counts: %v", ps.Received())
	}
}

func TestRoundTrip(t *testing.T) {
	ps := newPeers()
	if got := ps.Nearest(); got != 5*ms {
		t.Errorf("nobody is at %v", got)
	}
	a, _ := ps.Heard(0, "a", 1)
	ps.Heard(0, "b", 1)
	a.Told(7 * ms) // never asked
	a.Asked(10 * ms)
	a.Asked(13 * ms) // the first question is still open
	if got := ps.RoundTripTo("a"); got != 5*ms {
		t.Errorf("before it is measured: %v", got)
	}
	a.Told(18 * ms)
	if got := ps.RoundTripTo("a"); got != 8*ms {
		t.Errorf("measured once: %v", got)
	}
	a.Asked(20 * ms)
	a.Told(20 * ms)
	if got, want := ps.RoundTripTo("a"), 8*ms-(8*ms-time.Microsecond)/8; got != want {
		t.Errorf("measured twice: %v, want %v", got, want)
	}
	a.Asked(30 * ms) // the answer to this one is lost
	a.Asked(30*ms + longestAnswer)
	if a.Told(30*ms + longestAnswer + ms); ps.RoundTripTo("a") > 8*ms {
		t.Errorf("after an answer was lost: %v", ps.RoundTripTo("a"))
	}
	if ps.RoundTripTo("b") != 5*ms || ps.RoundTripTo("nobody") != 5*ms || ps.Nearest() != 5*ms {
		t.Errorf("b is at %v, nobody at %v, the nearest at %v", ps.RoundTripTo("b"), ps.RoundTripTo("nobody"), ps.Nearest())
	}
}

func TestPeerClosed(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	p.State(0, stateOf(1, 3, 3, 0), me)
	p.Unreachable(0)
	if p.Free("") != 0 || overflow(ps, 0) != nil {
		t.Error("an unreachable peer gets tasks")
	}
	if ps.Heard(1, "a", 1); p.Free("") != 3 {
		t.Error("a peer that is heard again gets no task")
	}
	draining := stateOf(2, 3, 3, 1)
	draining.Draining = true
	if p.State(1, draining, me); p.Free("") != 0 || overflow(ps, 0) != nil || p.Left() {
		t.Error("a draining peer gets tasks")
	}
	leaving := stateOf(3, 3, 3, 0)
	leaving.Leaving = true
	if p.State(1, leaving, me); p.Free("") != 0 || !p.Left() || ps.Serves("") || len(ps.Views()) > 0 {
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
	a.State(0, stateOf(1, 0, 0, 7), me) // tasks wait there, but it has no worker
	if ps.Serves("") {
		t.Error("nobody has a worker")
	}
	if b.State(0, stateOf(1, 1, 0, 0), me); !ps.Serves("") || ps.Serves("gpu") {
		t.Error("b has a busy worker, of the default service")
	}
}

// A peer cannot make this node remember services without end.
func TestPeerServicesBounded(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	for i := range MaxServices + 10 {
		p.Capacity(0, Capacity{Sequence: uint64(i + 1), Service: fmt.Sprint(i), Workers: 1, Idle: 1})
	}
	if len(p.loads) != MaxServices {
		t.Errorf("%d services", len(p.loads))
	}
	if p.State(0, stateOf(1e6, 1, 1, 0), me); len(p.loads) != 1 {
		t.Errorf("%d services after a full report of one", len(p.loads))
	}
}

func TestPeersViews(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	p.State(0, stateOf(1, 3, 2, 0), me)
	p.Sent(0, "")
	p.Asked(0)
	p.Told(ms)
	p.Unreachable(0)
	views := ps.Views()
	if len(views) != 1 {
		t.Fatalf("%d peers", len(views))
	}
	v := views[0]
	if v.Name != "a" || v.Incarnation != 1 || v.Outstanding != 1 || v.Reachable || v.RoundTrip != ms || !slices.Equal(v.Services, []Load{{Workers: 3, Idle: 2}}) {
		t.Errorf("%+v", v)
	}
}

// Who is put aside, and then tried, is seen.
func TestPeersDoubted(t *testing.T) {
	ps := newPeers()
	p, _ := ps.Heard(0, "a", 1)
	p.State(0, stateOf(1, 3, 3, 0), me)
	see := func(when string, most int, doubted bool) {
		t.Helper()
		if got, is := ps.Views()[0].Doubted[""]; got != most || is != doubted {
			t.Errorf("%s: at most %d, doubted %v", when, got, is)
		}
	}
	see("at first", 0, false)
	until := time.Duration(0)
	for range asideStreak {
		until = ps.Judge(0, p, "", true, true)
	}
	see("aside", 0, true)
	ps.TryAgain(until)
	see("to be tried", 1, true)
	ps.Judge(until, p, "", true, false)
	see("after a success", 0, false)
}
