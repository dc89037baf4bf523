package mesh

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// overflow is where a lone waiting task goes of a node whose workers are as yet
// unknown.
func overflow(ps *Peers, seed uint64) *Peer {
	return ps.Overflow(0, "", Home{Waiting: 1, Excess: 1}, random(seed)).Peer
}

// peersWith has peers a, b, c and so on, a round trip of 2 ms away, with the
// loads given.
func peersWith(loads ...Load) *Peers {
	ps := newPeers()
	ps.RoundTrip = 2 * ms
	for i, l := range loads {
		p, _ := ps.Heard(0, string(rune('a'+i)), 1)
		p.State(0, State{Sequence: 1, Services: []Load{l}}, me)
	}
	return ps
}

// picks counts how often each peer is chosen, over many random numbers.
func picks(ps *Peers, now time.Duration, h Home, tries int) map[string]int {
	picked := make(map[string]int)
	r := random(1)
	for range tries {
		if p := ps.Overflow(now, "", h, r).Peer; p != nil {
			picked[p.Name]++
		}
	}
	return picked
}

func TestOverflow(t *testing.T) {
	idle := func(n int) Load { return Load{Workers: n + 1, Idle: n} }
	ps := peersWith(idle(2), Load{Workers: 1}, Load{Workers: 6, Idle: 5, Waiting: 2}, Load{Workers: 4, Idle: 3, Waiting: 3}, idle(1), Load{Waiting: 1})
	// a has 2, c 3 and e 1 to spare; b, d and f have none. Of two of these three, each
	// is picked in proportion: a with 2/5 beside c and 2/3 beside e.
	picked := picks(ps, 0, Home{Waiting: 1}, 6000)
	for name, want := range map[string]int{"a": 2133, "b": 0, "c": 2700, "d": 0, "e": 1167, "f": 0} {
		if got := picked[name]; math.Abs(float64(got-want)) > 150 {
			t.Errorf("%s is picked %d times of 6000, want about %d", name, got, want)
		}
	}
	if r := ps.Overflow(0, "gpu", Home{Waiting: 1}, random(1)); r.Peer != nil {
		t.Errorf("an unknown service goes to %s", r.Peer.Name)
	}
	// What was sent counts at once.
	for name, n := range map[string]int{"a": 2, "c": 3, "e": 1} {
		for range n {
			if picks(ps, 0, Home{Waiting: 1}, 500)[name] == 0 {
				t.Errorf("%s is never picked, it has room", name)
			}
			ps.Find(name).Sent(0, "")
		}
		if n := picks(ps, 0, Home{Waiting: 1}, 500)[name]; n > 0 {
			t.Errorf("%s is picked, it has no room", name)
		}
	}
}

// What stays at home: as long as the wait there is shorter than the way.
func TestOverflowKeeps(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Idle: 9})
	h := Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 5000} // keeps 11 at 2 ms
	for waiting, want := range map[int]bool{1: false, 11: false, 12: true} {
		h.Waiting = waiting
		r := ps.Overflow(0, "", h, random(1))
		if (r.Peer != nil) != want || want && (r.Keep != 11 || r.Patience != time.Duration(waiting)*h.Pace()) {
			t.Errorf("of %d waiting: %+v", waiting, r)
		}
	}
}

// A peer's workers count for what they will have done when the task arrives.
func TestOverflowWindow(t *testing.T) {
	ps := peersWith(Load{Workers: 100, ServiceMS: 10, Spare: 2500}) // 5 in a round trip of 2 ms
	h := Home{Waiting: 1}
	for n := 0; picks(ps, 0, h, 200)["a"] > 0; n++ {
		if n == 5 {
			t.Fatal("more than 5 tasks are sent")
		}
		if r := ps.Overflow(0, "", h, random(uint64(n))); r.Peer == nil && n < 4 {
			t.Fatalf("only %d tasks are sent", n)
		}
		ps.Find("a").Sent(0, "")
	}
	if picks(ps, 4*ms, h, 200)["a"] == 0 { // 10 more by then
		t.Error("nothing is sent later either")
	}
}

// What has been done since the report counts, up to an interval, in which a neighbour
// would have told of more.
func TestSlotsSinceTheReport(t *testing.T) {
	l := peerLoad{peer: &Peer{near: true}, heard: time.Hour, report: report{workers: 100, serviceTime: 10 * ms, spare: 2500}}
	for age, want := range map[time.Duration]float64{0: 5, 4 * ms: 15, 5 * ms: 17.5, time.Hour: 17.5} {
		if sure, expected := l.slots(time.Hour+age, 2*ms, 0, 0); sure != 0 || math.Abs(expected-want) > 1e-9 {
			t.Errorf("%v after the report: %v and %v, want 0 and %v", age, sure, expected, want)
		}
	}
}

// What nobody has in hand is not done by the time that a task arrives, however short
// tasks are and however long ago the report: many at once are no more than workers are
// idle, but where the way takes longer than a task.
func TestOverflowIdlePeer(t *testing.T) {
	for _, c := range []struct {
		service float64 // ms; the way there and back takes 2
		idle    int     // of three
		want    int
	}{
		{10, 3, 3},
		{2, 3, 3},
		{1, 3, 3 + 3}, // as much as is done in the millisecond that the way is longer
		{2, 1, 1 + 2}, // what is in hand is done by then
		{10, 1, 1 + 2},
	} {
		l := Load{Workers: 3, Idle: c.idle, ServiceMS: c.service, Spare: 3000 / c.service}
		ps, sent := peersWith(l), 0
		for picks(ps, 9*ms, Home{Waiting: 1}, 100)["a"] > 0 {
			ps.Find("a").Sent(9*ms, "")
			sent++
		}
		if sent != c.want {
			t.Errorf("%+v: %d tasks are sent at once, want %d", l, sent, c.want)
		}
	}
}

// Several nodes that send share what a peer has by what they send.
func TestOverflowShare(t *testing.T) {
	ps := peersWith(Load{Workers: 100, Idle: 40, Demand: 19})
	sent := 0
	for picks(ps, 0, Home{Waiting: 1}, 300)["a"] > 0 {
		ps.Find("a").Sent(0, "")
		sent++
	}
	if sent < 38 || sent > 40 {
		t.Errorf("one that sends more than the others were seen to gets %d of 40", sent)
	}
	for _, c := range []struct {
		demand, excess, others float64
		want                   float64
	}{
		{0, 0, 0, 40},
		{19, 0, 0, 40}, // an old demand keeps nothing
		{19, 0, 39, 1}, // others have 39 waiting
		{19, 9, 39, 40 * 10 / 68.0},
		{1000, 0, 0, 32},
		{10000, 0, 0, 40 / 10001.0},
		{10000, 4999, 0, 40 * 5000 / 15000.0},
	} {
		l := peerLoad{report: report{workers: 100, idle: 40, demand: c.demand}}
		if sure, expected := l.slots(0, 2*ms, c.excess, c.others); math.Abs(sure-c.want) > 1e-9 || sure != expected {
			t.Errorf("with demand %v, %v waiting here and %v there: %v and %v slots, want %v", c.demand, c.excess, c.others, sure, expected, c.want)
		}
	}
}

// What a node sent itself is no demand of others.
func TestOwnDemand(t *testing.T) {
	l := peerLoad{report: report{workers: 100, idle: 40, demand: 10000}}
	for range 10000 {
		l.recent.Add(0)
	}
	if sure, _ := l.slots(0, 2*ms, 0, 0); sure != 40 {
		t.Errorf("the only one that sends has %v of 40", sure)
	}
}

// Without a slot anywhere a task joins the shortest queue, if that is shorter
// than the one at home by more than the detour and an eighth of itself.
func TestOverflowBalances(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Waiting: 30, ServiceMS: 10}, Load{Workers: 10, Waiting: 9, ServiceMS: 10})
	for arrivals, first := range map[float64]int{ // capacity 1000, pace 1 ms; at b the task waits for 10 ms
		0: 15, 500: 15, 1000: 15, 2000: 15, 5000: 15, // 10 + 2 + 1.25 < 14
	} {
		for waiting, want := range map[int]bool{1: false, first - 1: false, first: true, 100: true} {
			h := Home{Workers: 10, ServiceTime: 10 * ms, Arrivals: arrivals, Waiting: waiting, Excess: waiting}
			r := ps.Overflow(0, "", h, random(1))
			if got := r.Peer != nil && r.Peer.Name == "b"; got != want {
				t.Errorf("with %d waiting and %v a second: %+v", waiting, arrivals, r)
			}
		}
	}
	// From a home without workers all go, if they have twice as long.
	for lasts, want := range map[time.Duration]bool{20 * ms: false, 20*ms + 2: true} {
		for _, waiting := range []int{1, 100} {
			r := ps.Overflow(0, "", Home{Waiting: waiting, Lasts: lasts}, random(1))
			if got := r.Peer != nil && r.Peer.Name == "b" && r.Patience == lasts/2; got != want {
				t.Errorf("with %d waiting for %v and no worker: %+v", waiting, lasts, r)
			}
		}
	}
}

// However many peers there are, one decision looks at some, and all in time.
func TestOverflowLooksAtSome(t *testing.T) {
	loads := slices.Repeat([]Load{{Workers: 1, Idle: 1}}, 4*mostLooked)
	ps := peersWith(loads...)
	for range loads { // each has one slot
		var r Route
		for tries := range 1000 {
			if r = ps.Overflow(0, "", Home{Waiting: 1}, random(uint64(tries))); r.Peer != nil {
				break
			}
			if !r.Later {
				t.Fatal("a look at some finds nobody and says that there is nobody")
			}
		}
		if r.Peer == nil {
			t.Fatal("nobody is found who has a slot")
		}
		r.Peer.Sent(0, "")
	}
	if r := ps.Overflow(0, "", Home{Waiting: 1}, random(1)); r.Peer != nil {
		t.Errorf("%s has no slot", r.Peer.Name)
	}
}

// It is two that are chosen from, whoever else is nearer, and has no worker, or
// none that is idle: a large peer does not draw all.
func TestTwoChoices(t *testing.T) {
	for name, near := range map[string]Load{"serves not": {}, "is full": {Workers: 1}, "has a slot to come": {Workers: 1, ServiceMS: 1, Spare: 1e6}} {
		ps := peersWith(append([]Load{near, {Workers: 1000, Idle: 1000}}, slices.Repeat([]Load{{Workers: 10, Idle: 10}}, 20)...)...)
		roundTrip(ps.Find("a"), 100)
		got := picks(ps, 0, Home{Waiting: 1}, 2100)
		if n := got["b"]; n < 100 || n > 300 || got["a"] > 0 { // one of 21 by two choices: 2 of 21, nearly always
			t.Errorf("the near one %s: the large one is picked %d times of 2,100, want about 198; all: %v", name, n, got)
		}
	}
}

// A service that one of many has is found by those that look at 32.
func TestFarServiceIsFound(t *testing.T) {
	loads := slices.Repeat([]Load{{Excess: 3, Waiting: 3}}, 1000)
	for i := 0; i < len(loads); i += 200 {
		loads[i] = Load{Workers: 100, Idle: 100}
	}
	found := 0
	for _, n := range picks(peersWith(loads...), 0, Home{Waiting: 1, Excess: 1}, 2000) {
		found += n
	}
	if found < 200 {
		t.Errorf("five of a thousand serve, 32 are looked at: found %d of 2,000 times", found)
	}
}

// drawn counts what is drawn from a source.
type drawn struct {
	rand.Source
	n int
}

func (d *drawn) Uint64() uint64 { d.n++; return d.Source.Uint64() }

// A decision looks at no more peers than it needs: at all, while none has a slot,
// but not more than 32; and at two, when all have. It draws twice for each, once for
// each of the two to choose from, and 32 times to find 32 of more.
func TestOverflowLooksAtFew(t *testing.T) {
	for _, c := range []struct{ peers, idle, draws int }{
		{10, 0, 2 * 10}, {100, 0, mostLooked + 2*mostLooked}, {1, 1, 2 + 1}, {10, 1, 2*2 + 2}, {100, 1, mostLooked + 2*2 + 2},
	} {
		ps := peersWith(slices.Repeat([]Load{{Workers: 1, Idle: c.idle}}, c.peers)...)
		d := &drawn{Source: rand.NewPCG(1, 2)}
		ps.Overflow(0, "", Home{Waiting: 1}, rand.New(d))
		if d.n != c.draws {
			t.Errorf("of %d, with %d idle each: %d draws, want %d", c.peers, c.idle, d.n, c.draws)
		}
	}
}

// What was sent and came back takes no room, also if the peer never tells what
// has arrived.
func TestOnWayBounded(t *testing.T) {
	var w onWay
	var last uint64
	for range 1000 {
		a, b, c := w.sent("a"), w.sent("b"), w.sent("c")
		if !w.back(b) || !w.back(c) || !w.back(a) || w.back(a) || w.back(c+1) || c != last+3 {
			t.Fatalf("%d, %d, %d after %d: %+v", a, b, c, last, w)
		}
		last = c
	}
	if len(w.services) > 0 || w.first != last+1 {
		t.Errorf("%d are left, the next is %d", len(w.services), w.first)
	}
}

func TestOverflowNear(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Idle: 9}, Load{Workers: 10, Idle: 1})
	a := ps.Find("a")
	a.Asked(0)
	a.Told(40 * ms)
	h := Home{Waiting: 1}
	if picked := picks(ps, 0, h, 100); picked["a"] > 0 || picked["b"] != 100 {
		t.Errorf("with a near peer that has a worker: %v", picked)
	}
	ps.Find("b").Sent(0, "")
	if picked := picks(ps, 0, h, 100); picked["a"] != 100 {
		t.Errorf("with none: %v", picked)
	}
	// Work that waits for less than the way does not go that far.
	h = Home{Workers: 100, Waiting: 100, ServiceTime: 10 * ms} // keeps 400 at 40 ms
	if r := ps.Overflow(0, "", h, random(1)); r.Peer == a {
		t.Error("a task is sent farther than it would wait")
	}
}

// A task that the next peer queues in any case goes where a worker is idle, though
// by all that is known one will be sooner near by, or in the node's own region.
func TestOverflowFinal(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Idle: 9}, Load{Workers: 1, ServiceMS: 1, Spare: 1000})
	a, b := ps.Find("a"), ps.Find("b")
	for p, d := range map[*Peer]time.Duration{a: 40 * ms, b: 2 * ms} {
		p.Asked(0)
		p.Told(d)
	}
	a.region, b.region = "us", "eu"
	for _, ps.Region = range []string{"", "eu"} {
		for peer, final := range map[string]bool{"a": true, "b": false} {
			h := Home{Waiting: 1, Final: final}
			if picked := picks(ps, 0, h, 100); picked[peer] != 100 {
				t.Errorf("in region %q, final %v: %v", ps.Region, final, picked)
			}
		}
	}
	// If there is none, it goes where one is expected.
	for range 9 {
		a.Sent(0, "")
	}
	if picked := picks(ps, 0, Home{Waiting: 1, Final: true}, 100); picked["b"] != 100 {
		t.Errorf("without an idle worker: %v", picked)
	}
}

// Of a node that has a region, the peers in it come first, by what is expected of
// them as well; whoever has told no region is elsewhere.
func TestOverflowRegion(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Idle: 9}, Load{Workers: 10, Idle: 1}, Load{Workers: 100, ServiceMS: 10, Spare: 5000}, Load{Workers: 10, Idle: 9})
	for name, region := range map[string]string{"a": "us", "b": "eu", "c": "eu"} {
		ps.Find(name).region = region
	}
	h := Home{Waiting: 1}
	if picked := picks(ps, 0, h, 100); picked["b"] == 100 || picked["a"] == 0 || picked["d"] == 0 {
		t.Errorf("without a region of its own: %v", picked)
	}
	ps.Region = "eu"
	if picked := picks(ps, 0, h, 100); picked["b"] != 100 {
		t.Errorf("with a worker in the region: %v", picked)
	}
	ps.Find("b").Sent(0, "")
	if picked := picks(ps, 0, h, 100); picked["c"] != 100 {
		t.Errorf("with one expected in the region: %v", picked)
	}
	ps.Find("c").Unreachable(0)
	if picked := picks(ps, 0, h, 100); picked["a"] == 0 || picked["d"] == 0 || picked["a"]+picked["d"] != 100 {
		t.Errorf("with none: %v", picked)
	}
	ps.Region = "asia"
	if picked := picks(ps, 0, h, 100); picked["a"] == 0 || picked["d"] == 0 {
		t.Errorf("alone in a region: %v", picked)
	}
}

// Whatever the loads: no task goes to a peer without a worker, or that is
// draining, or that cannot be reached; none goes when the tasks that stay are
// all there are; and one chosen for its slots has at least part of one.
func TestOverflowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := newPeers()
		for i := range rapid.IntRange(0, 6).Draw(t, "peers") {
			p, _ := ps.Heard(0, string(rune('a'+i)), 1)
			l := Load{Workers: rapid.IntRange(0, 5).Draw(t, "workers"), Waiting: rapid.IntRange(0, 9).Draw(t, "waiting")}
			l.Idle = rapid.IntRange(0, l.Workers).Draw(t, "idle")
			l.ServiceMS, l.Spare, l.Demand = rapid.Float64Range(0, 100).Draw(t, "service"), rapid.Float64Range(0, 1000).Draw(t, "spare"), rapid.Float64Range(0, 50).Draw(t, "demand")
			p.State(0, State{Sequence: 1, Draining: rapid.Bool().Draw(t, "draining"), Services: []Load{l}}, me)
			for range rapid.IntRange(0, 9).Draw(t, "sent") {
				p.Sent(0, "")
			}
			if rapid.Bool().Draw(t, "unreachable") {
				p.Unreachable(0)
			}
		}
		h := Home{
			Workers: rapid.IntRange(0, 5).Draw(t, "own workers"), Waiting: rapid.IntRange(1, 50).Draw(t, "own waiting"),
			ServiceTime: time.Duration(rapid.IntRange(0, 100).Draw(t, "own service")) * ms, Arrivals: rapid.Float64Range(0, 1000).Draw(t, "arrivals"),
		}
		h.Excess = h.Waiting
		now := time.Duration(rapid.IntRange(0, 1000).Draw(t, "now")) * ms
		r := ps.Overflow(now, "", h, random(rapid.Uint64().Draw(t, "seed")))
		if r.Peer == nil {
			return
		}
		l := r.Peer.find("")
		if l.workers == 0 || r.Peer.draining || r.Peer.unreachable || r.Keep != h.Keep(ps.RoundTrip) || r.Keep >= h.Waiting || r.Patience < 0 {
			t.Fatalf("%+v, %+v", r, l)
		}
		if _, expected := l.slots(now, ps.RoundTrip, float64(h.Excess), 0); expected <= 0 && l.serviceTime == 0 {
			t.Fatalf("%+v joins a queue of unknown length: %+v", r, l)
		}
	})
}
