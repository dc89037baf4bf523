package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// followed keeps what Choose says.
type followed map[string]bool

func (f followed) choose(t *rapid.T, ps *Peers) {
	follow, leave := ps.Choose(me)
	for _, name := range leave {
		if !f[name] {
			t.Fatalf("%s is to be left, and is not followed", name)
		}
		delete(f, name)
	}
	for _, name := range follow {
		if f[name] {
			t.Fatalf("%s is followed twice", name)
		}
		f[name] = true
	}
}

// Whatever comes, goes and comes back: the peers that are followed are the
// neighbours in a mesh of those that are there, none in a small one; and every
// service is known of all that serve it, with the neighbours apart.
func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps, f, known := newPeers(), make(followed), make(map[string]Incarnation)
		ps.Region = rapid.SampledFrom([]string{"", "eu"}).Draw(t, "own region")
		sequence := uint64(0)
		serves := func(p *Peer, region string) {
			p.State(0, State{Sequence: sequence, Region: region, Services: []Load{{Service: "a", Workers: 1}}}, me)
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			name := fmt.Sprintf("DC%d", rapid.IntRange(1, 60).Draw(t, "node"))
			sequence++
			switch rapid.SampledFrom([]string{"come", "come", "come", "come", "many", "move", "die", "leave", "choose"}).Draw(t, "what") {
			case "come":
				known[name]++ // as another incarnation, if it is there
				p, _ := ps.Heard(0, name, known[name])
				serves(p, "")
			case "move": // as it seems, when its first state comes after a task
				if p := ps.Find(name); p != nil && !p.left {
					serves(p, rapid.SampledFrom([]string{"", "eu", "us"}).Draw(t, "region"))
				}
			case "many":
				for i := range FullMesh + 3 {
					name := fmt.Sprintf("DC%d", i+1)
					known[name]++
					p, _ := ps.Heard(0, name, known[name])
					serves(p, "")
				}
			case "die":
				if p := ps.Find(name); p != nil {
					ps.Remove(p)
				}
			case "leave":
				if p := ps.Find(name); p != nil {
					p.State(0, State{Sequence: sequence, Leaving: true}, me)
				}
			case "choose":
				f.choose(t, ps)
			}
		}
		f.choose(t, ps)
		members := []Member{{me, ps.Region}}
		for _, p := range ps.All() {
			if !p.Left() {
				members = append(members, Member{p.Name, p.region})
			}
		}
		var want []string
		if len(members) > FullMesh {
			want = Neighbours(members, me)
		}
		if ps.Sparse() != (want != nil) || len(f) != len(want) {
			t.Fatalf("%v are followed, want %v", f, want)
		}
		for _, name := range want {
			if !f[name] {
				t.Fatalf("%s is not followed", name)
			}
		}
		s := ps.byService["a"]
		for list, near := range map[*[]*peerLoad]bool{&s.near: true, &s.far: false} {
			for i, l := range *list {
				if slices.Contains((*list)[:i], l) {
					t.Fatalf("%s is there twice", l.peer.Name)
				}
				if ps.Find(l.peer.Name) != l.peer || l.peer.near != near || near != (!ps.Sparse() || f[l.peer.Name]) {
					t.Fatalf("%s is in the wrong place", l.peer.Name)
				}
			}
		}
		if serving := len(members) - 1; len(s.near)+len(s.far) != serving {
			t.Fatalf("%d near and %d far serve, want %d", len(s.near), len(s.far), serving)
		}
	})
}

// sparse has forty peers of which none serves, and two loads: of a neighbour and
// of another one.
func sparse(near, far Load) (ps *Peers, neighbour, other string) {
	ps = newPeers()
	ps.RoundTrip = 2 * ms
	for i := range 40 {
		ps.Heard(0, fmt.Sprintf("DC%d", i+1), 1)
	}
	follow, _ := ps.Choose(me)
	neighbour = follow[0]
	for _, p := range ps.All() {
		if !p.near {
			other = p.Name
		}
	}
	for name, l := range map[string]Load{neighbour: near, other: far} {
		ps.Find(name).State(0, State{Sequence: 1, Services: []Load{l}}, me)
	}
	return ps, neighbour, other
}

// A neighbour that is gone without a word is followed no more.
func TestChooseAfterAnEnd(t *testing.T) {
	ps, near := inRegions("DC%d", "DC0", 40)
	ps.Remove(ps.Find(near[0]))
	if _, leave := ps.Choose("DC0"); !slices.Contains(leave, near[0]) {
		t.Errorf("after the end of %s no more followed: %v", near[0], leave)
	}
}

// A neighbour's news are fresh: another node gets a task only if no neighbour has
// a slot, or none serves.
func TestNeighboursFirst(t *testing.T) {
	idle, full := Load{Workers: 4, Idle: 4, ServiceMS: 1000}, Load{Workers: 4, Waiting: 4, Excess: 4, ServiceMS: 1000}
	home := Home{Waiting: 20, Excess: 20, Lasts: time.Hour}
	for _, c := range []struct {
		what      string
		near, far Load
		want      int // 0: none; 1: the neighbour; 2: the other
	}{
		{"both idle", idle, idle, 1},
		{"the neighbour is full", full, idle, 2},
		{"no neighbour serves", Load{}, idle, 2},
		{"only the neighbour serves", idle, Load{}, 1},
		{"the shorter queue of two, that of the neighbour", full, full, 1},
		{"nobody", Load{}, Load{}, 0},
	} {
		ps, neighbour, other := sparse(c.near, c.far)
		got := picks(ps, 0, home, 100)
		if want := []string{"", neighbour, other}[c.want]; c.want == 0 && len(got) > 0 || c.want > 0 && got[want] < 50 || len(got) > 1 {
			t.Errorf("%s: %v, want %q", c.what, got, want)
		}
	}
}

// Where ten neighbours serve, the others are not looked at: what is known of them
// is old.
func TestEnoughNeighbours(t *testing.T) {
	full := Load{Workers: 4, Waiting: 4, Excess: 4, ServiceMS: 1000}
	ps, neighbour, other := sparse(full, Load{Workers: 4, Idle: 4, ServiceMS: 1000})
	serving := 1
	for _, p := range ps.All() {
		if !p.near || p.Name == neighbour {
			continue
		}
		got := picks(ps, 0, Home{Waiting: 1, Excess: 1}, 100)
		if want := serving < minRings; (got[other] == 100) != want || !want && len(got) > 0 {
			t.Fatalf("with %d neighbours that serve: %v", serving, got)
		}
		p.State(0, State{Sequence: 1, Services: []Load{full}}, me)
		serving++
	}
	if serving <= minRings {
		t.Fatalf("only %d neighbours", serving)
	}
}

// What a node that is no neighbour said a while ago is not sure.
func TestFarNewsGrowOld(t *testing.T) {
	ps, _, other := sparse(Load{}, Load{Workers: 4, Idle: 4, ServiceMS: 100})
	l := ps.Find(other).find("")
	for now, want := range map[int]bool{0: false, 50: false, 51: true} {
		if got := l.stale(ms * time.Duration(now)); got != want {
			t.Errorf("after %d ms: stale %t", now, got)
		}
	}
	if !ps.Serves("") || ps.Wants("") {
		t.Error("it serves, and wants nothing")
	}
}

// The nearest is found again whoever it was.
func TestNearestIsKeptUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := newPeers()
		ps.RoundTrip = 5 * ms
		for i := range rapid.IntRange(1, 5).Draw(t, "peers") {
			ps.Heard(0, fmt.Sprint(i), 1)
		}
		for range rapid.IntRange(0, 30).Draw(t, "answers") {
			p := rapid.SampledFrom(ps.All()).Draw(t, "peer")
			p.Asked(0)
			p.Told(ms * time.Duration(rapid.IntRange(0, 10).Draw(t, "round trip")))
			want := ps.RoundTripTo(ps.All()[0].Name)
			for _, p := range ps.All() {
				want = min(want, ps.RoundTripTo(p.Name))
			}
			if got := ps.Nearest(); got != want {
				t.Fatalf("nearest %v, want %v", got, want)
			}
		}
	})
}
