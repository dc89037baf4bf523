package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// roundTrip makes it known how far a peer is.
func roundTrip(p *Peer, microseconds int) {
	p.Asked(0)
	p.Told(time.Duration(microseconds) * time.Microsecond)
}

// kept is how many tasks wait at home before one goes, and where that goes.
func kept(ps *Peers, h Home) (n int, to *Peer) {
	for n = range 1000 {
		h.Waiting, h.Excess = n+1, n+1
		if r := ps.Overflow(0, "", h, random(1)); r.Peer != nil || !r.Later {
			return n, r.Peer
		}
	}
	return 1000, nil
}

// The node and its near peer are taken for one: what waits for their workers goes to
// a distant peer only beyond what these do in the time that its way is longer, though
// that peer is idle and home alone would give up more.
func TestDistant(t *testing.T) {
	home := Home{Workers: 10, ServiceTime: 10 * ms, Arrivals: 500}
	with := func(change func(*Home)) Home {
		h := home
		change(&h)
		return h
	}
	unchanged := func(*Peer) {}
	for _, c := range []struct {
		what   string
		near   Load // besides 10 workers, and a long queue
		change func(*Peer)
		home   Home
		want   int // tasks that stay
	}{
		// Twenty workers, 2,000 tasks a second, half of them spare: 27, less what may come from there.
		{"a near peer", Load{Excess: 3, ServiceMS: 10, Spare: 500}, unchanged, home, 24},
		{"whose work is not for others", Load{ServiceMS: 10, Spare: 500}, unchanged, home, 27},
		{"that others use", Load{ServiceMS: 10, Spare: 500, Demand: 500}, unchanged, home, 20},
		{"that others use up", Load{ServiceMS: 10, Spare: 500, Demand: 50000}, unchanged, home, 20},
		{"that this node uses", Load{ServiceMS: 10, Spare: 500, Demand: 500}, func(p *Peer) {
			for range 500 {
				p.load("").recent.Add(0)
			}
		}, home, 27},
		{"that this node uses more than it has told", Load{ServiceMS: 10, Spare: 500}, func(p *Peer) {
			for range 500 {
				p.load("").recent.Add(0)
			}
		}, home, 27},
		{"without spare capacity", Load{ServiceMS: 10}, unchanged, home, 14}, // but for that of home, which keeps 13 alone
		{"slower than home", Load{ServiceMS: 40, Spare: 125}, unchanged, home, 16},
		{"of unknown speed", Load{}, unchanged, home, 13},
		{"that drains", Load{ServiceMS: 10, Spare: 500}, func(p *Peer) { p.draining = true }, home, 13},
		{"that is not reached, beside one that is", Load{Excess: 3, ServiceMS: 10, Spare: 500}, func(p *Peer) {
			p.unreachable = true
			q, _ := p.peers.Heard(0, "c", 1)
			q.region = p.region
			q.State(0, State{Sequence: 1, Region: p.region, Services: []Load{{Workers: 10, Waiting: 1000, ServiceMS: 10, Spare: 500}}}, me)
			roundTrip(q, 200)
		}, home, 27},
		{"that was not measured, of a region", Load{ServiceMS: 10, Spare: 500}, func(p *Peer) {
			p.peers.Region, p.region = "eu", "eu"
			p.roundTrip = 0 // taken for 2 ms
		}, home, 25},
		{"that was put aside", Load{Excess: 3, ServiceMS: 10, Spare: 500}, func(p *Peer) { p.load("").aside = 1 }, home, 13},

		{"home is overloaded, but not with the peer", Load{ServiceMS: 10, Spare: 500}, unchanged, with(func(h *Home) { h.Arrivals = 1200 }), 9},
		{"both are", Load{ServiceMS: 10, Spare: 500}, unchanged, with(func(h *Home) { h.Arrivals = 1500 }), 0},
		{"home has no workers", Load{ServiceMS: 10, Spare: 500}, unchanged, Home{}, 13},
		{"and others use the peer", Load{ServiceMS: 10, Spare: 500, Demand: 500}, unchanged, Home{}, 0},
		{"home does not know its speed", Load{ServiceMS: 10, Spare: 650}, unchanged, Home{Workers: 10}, 18},
		{"the first has waited for twice the longer way", Load{ServiceMS: 10, Spare: 500}, unchanged, with(func(h *Home) { h.Oldest = 39600 * time.Microsecond }), 27},
		{"and longer", Load{ServiceMS: 10, Spare: 500}, unchanged, with(func(h *Home) { h.Oldest = 39601 * time.Microsecond }), 13},
	} {
		c.near.Workers, c.near.Waiting = 10, 1000
		for _, region := range []string{"", "eu"} {
			ps := peersWith(c.near, Load{Workers: 100, Idle: 100, ServiceMS: 10})
			near, far := ps.Find("a"), ps.Find("b")
			ps.Region, near.region, far.region = region, region, "us"
			roundTrip(near, 200)
			roundTrip(far, 20_000)
			c.change(near)
			if got, to := kept(ps, c.home); got != c.want || to != far {
				t.Errorf("%s, region %q: %d stay, want %d; then one goes to %v", c.what, region, got, c.want, to)
			}
		}
	}
}

// A near peer without workers has its tasks done by the others that are near.
func TestNearPeerWithoutWorkers(t *testing.T) {
	ps := peersWith(Load{Workers: 10, Waiting: 1000, ServiceMS: 10, Spare: 500}, Load{Workers: 100, Idle: 100}, Load{Waiting: 4, Excess: 4})
	for name, us := range map[string]int{"a": 200, "b": 20_000, "c": 200} {
		roundTrip(ps.Find(name), us)
	}
	if n, _ := kept(ps, Home{}); n != 13-4 {
		t.Errorf("%d stay", n)
	}
}

// Near is who is not much farther than the nearest that was measured. Who was not
// is near.
func TestNearUntilMeasured(t *testing.T) {
	ps := peersWith(Load{Workers: 10}, Load{Workers: 10}, Load{Workers: 10}, Load{Waiting: 1})
	for name, us := range map[string]int{"b": 35_000, "c": 70_500, "d": 100} { // d has no workers
		roundTrip(ps.Find(name), us)
	}
	_, nearest := ps.survey(ps.byService[""].near)
	if nearest != 35*ms {
		t.Errorf("the nearest that serves is %v away", nearest)
	}
	for _, name := range []string{"a", "b", "c"} {
		if ps.distant(ps.Find(name), nearest) {
			t.Errorf("%s is near", name)
		}
	}
	if ps.Find("c").roundTrip++; !ps.distant(ps.Find("c"), nearest) {
		t.Error("c is farther than that")
	}
}

// Idle peers that are far do not hide one that is near.
func TestFarPeersHideNobody(t *testing.T) {
	ps := peersWith(slices.Repeat([]Load{{Workers: 1, Idle: 1}}, 21)...)
	for _, p := range ps.All() {
		roundTrip(p, 20_000)
	}
	ps.Find("a").roundTrip = 200 * time.Microsecond
	if got := picks(ps, 0, Home{Waiting: 1, Excess: 1}, 500); got["a"] != 500 {
		t.Errorf("the near one is picked %d times of 500", got["a"])
	}
}

// inRegions is a mesh of so many nodes, of two regions by turns, as one of them knows
// it, with the names of its neighbours. None serves.
func inRegions(format, self string, count int) (ps *Peers, near []string) {
	ps = newPeers()
	ps.Region, ps.RoundTrip = "eu", 2*ms
	for i := range count {
		if name := fmt.Sprintf(format, i); name != self {
			p, _ := ps.Heard(0, name, 1)
			p.State(0, State{Sequence: 1, Region: []string{"eu", "us"}[i%2]}, self)
		}
	}
	near, _ = ps.Choose(self)
	return ps, near
}

// A node that hears where others are chooses its neighbours anew.
func TestChooseAfterAMove(t *testing.T) {
	ps, _ := inRegions("DC%d", "DC0", 40)
	for _, p := range ps.All() {
		p.State(0, State{Sequence: 2, Region: p.region}, "DC0")
	}
	if follow, leave := ps.Choose("DC0"); follow != nil || leave != nil {
		t.Errorf("nobody moved: %v, %v", follow, leave)
	}
	for _, p := range ps.All() {
		p.State(0, State{Sequence: 3, Region: "eu"}, "DC0")
	}
	if follow, leave := ps.Choose("DC0"); follow == nil || leave == nil {
		t.Errorf("half of them moved: %v, %v", follow, leave)
	}
}

// All neighbours of this node happen to be of its region, and serve. That is full;
// another has idle workers.
func TestNoNeighbourElsewhere(t *testing.T) {
	ps, near := inRegions("s5-%d", "s5-14", 41)
	load := func(region string, l Load) {
		for _, p := range ps.All() {
			if p.region == region {
				p.State(0, State{Sequence: p.sequence + 1, Region: region, Services: []Load{l}}, "s5-14")
			}
		}
	}
	for _, name := range near {
		if r := ps.Find(name).region; r != "eu" {
			t.Fatalf("%s is a neighbour in %s", name, r)
		}
	}
	if len(near) < minRings {
		t.Fatalf("only %d neighbours", len(near))
	}
	full, idle := Load{Workers: 10, Waiting: 1000, Excess: 10, ServiceMS: 10}, Load{Workers: 20, Idle: 20, ServiceMS: 10}
	home := Home{Waiting: 1000, Excess: 1000}
	load("eu", full)
	load("us", idle)
	if r := ps.Overflow(0, "", home, random(1)); r.Peer == nil || r.Peer.region != "us" {
		t.Errorf("with idle workers elsewhere: %+v", r)
	}
	// Those in the region that are no neighbours are not looked at: their news are old.
	load("us", Load{})
	for _, p := range ps.All() {
		if p.region == "eu" && !p.near {
			p.State(0, State{Sequence: p.sequence + 1, Region: "eu", Services: []Load{idle}}, "s5-14")
		}
	}
	if r := ps.Overflow(0, "", home, random(1)); r.Peer != nil && !r.Peer.near {
		t.Errorf("with nobody elsewhere who serves: %+v", r)
	}
	// Nor are those elsewhere, once a neighbour is one of them.
	load("us", idle)
	p := ps.Find(near[0])
	p.State(0, State{Sequence: p.sequence + 1, Region: "us", Services: []Load{full}}, "s5-14")
	if r := ps.Overflow(0, "", home, random(1)); r.Peer != nil && !r.Peer.near {
		t.Errorf("with a neighbour elsewhere: %+v", r)
	}
}

// What stays for near neighbours does not go to one that is neither.
func TestNeighboursAreAroundInAnyCase(t *testing.T) {
	ps, near := inRegions("DC%d", "DC0", 40)
	home := Home{Workers: 10, ServiceTime: 10 * ms, Arrivals: 500}
	var neighbour, other *Peer
	for _, p := range ps.All() {
		switch {
		case p.region == "eu" && contains(near, p.Name):
			neighbour = p
		case p.region == "us" && !contains(near, p.Name):
			other = p
		}
	}
	neighbour.State(0, State{Sequence: 2, Region: "eu", Services: []Load{{Workers: 10, Waiting: 1000, ServiceMS: 10, Spare: 500}}}, "DC0")
	other.State(0, State{Sequence: 2, Region: "us", Services: []Load{{Workers: 100, Idle: 100, ServiceMS: 10}}}, "DC0")
	roundTrip(neighbour, 200)
	roundTrip(other, 20_000)
	if got, to := kept(ps, home); got != 27 || to != other {
		t.Errorf("%d stay, then one goes to %v", got, to)
	}
}
