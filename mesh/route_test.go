package mesh

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// peersWith has peers a, b, c and so on with so many idle workers and waiting
// tasks.
func peersWith(loads ...[2]int) *Peers {
	ps := newPeers()
	for i, l := range loads {
		p, _ := ps.Heard(0, string(rune('a'+i)), 1)
		p.State(0, roundTrip, report(1, l[0]+1, l[0], l[1]))
	}
	return ps
}

func TestOverflow(t *testing.T) {
	ps := peersWith([2]int{2, 0}, [2]int{0, 0}, [2]int{5, 2}, [2]int{3, 3}, [2]int{1, 0})
	// a has 2, c 3 and e 1 to spare; b and d have none.
	for random, want := range []string{"a", "a", "c", "c", "c", "e", "a", "a", "c", "c", "c", "e"} {
		if got := ps.Overflow("", uint64(random)); got == nil || got.Name != want {
			t.Errorf("%d picks %v, want %s", random, got, want)
		}
	}
	if got := ps.Overflow("", 1<<64-1); got.Name != "c" { // 3 mod 6
		t.Errorf("the last picks %s", got.Name)
	}
	if got := ps.Overflow("gpu", 0); got != nil {
		t.Errorf("an unknown service goes to %s", got.Name)
	}
	// What was sent counts at once.
	ps.Find("a").Sent(0, "")
	ps.Find("a").Sent(0, "")
	ps.Find("e").Sent(0, "")
	for random := range uint64(6) {
		if got := ps.Overflow("", random); got.Name != "c" {
			t.Errorf("%d picks %s, only c has room", random, got.Name)
		}
	}
	for range 3 {
		ps.Find("c").Sent(0, "")
	}
	if got := ps.Overflow("", 0); got != nil {
		t.Errorf("%s is picked, nobody has room", got.Name)
	}
}

// Over all random numbers modulo the total, each peer is picked exactly as
// often as it has workers to spare.
func TestOverflowIsProportional(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		idle := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 8).Draw(t, "idle")
		loads, total := make([][2]int, len(idle)), 0
		for i, n := range idle {
			loads[i][0] = n
			total += n
		}
		ps := peersWith(loads...)
		picked := make(map[string]int)
		for random := range total {
			picked[ps.Overflow("", uint64(random)).Name]++
		}
		for i, n := range idle {
			if p := ps.All()[i]; picked[p.Name] != n || p.Free("") != n {
				t.Fatalf("%s was picked %d times, has %d", p.Name, picked[p.Name], n)
			}
		}
		if total == 0 && ps.Overflow("", 7) != nil {
			t.Fatal("a peer without room was picked")
		}
	})
}

func TestPull(t *testing.T) {
	ps := peersWith([2]int{0, 2}, [2]int{5, 0}, [2]int{0, 3})
	for _, c := range []struct {
		idle   int
		random uint64
		want   string
	}{
		{0, 0, "nobody 0"},
		{-1, 0, "nobody 0"},
		{1, 0, "a 1"},
		{9, 1, "a 2"},
		{9, 2, "c 3"},
		{2, 4, "c 2"},
		{2, 5, "a 2"},
	} {
		if got := offered(ps.Pull(0, "", c.idle, c.random)); got != c.want {
			t.Errorf("with %d idle, %d picks %s, want %s", c.idle, c.random, got, c.want)
		}
	}
	if got := offered(ps.Pull(0, "gpu", 9, 0)); got != "nobody 0" {
		t.Errorf("for an unknown service: %s", got)
	}
}

// A peer that was asked is not asked again until it has answered, or until it
// is too late for that.
func TestPullOnce(t *testing.T) {
	ps := peersWith([2]int{0, 2})
	a := ps.Find("a")
	a.Pulling(time.Second)
	for now, want := range map[time.Duration]string{0: "nobody 0", 999 * ms: "nobody 0", time.Second: "a 2"} {
		if got := offered(ps.Pull(now, "", 9, 0)); got != want {
			t.Errorf("at %v: %s, want %s", now, got, want)
		}
	}
	a.PullAnswered()
	if got := offered(ps.Pull(0, "", 9, 0)); got != "a 2" {
		t.Errorf("answered: %s", got)
	}
	a.Unreachable(0)
	if got := offered(ps.Pull(0, "", 9, 0)); got != "nobody 0" {
		t.Errorf("unreachable: %s", got)
	}
}

func offered(o Offer) string {
	if o.Peer == nil {
		return fmt.Sprint("nobody ", o.Tasks)
	}
	return fmt.Sprint(o.Peer.Name, " ", o.Tasks)
}
