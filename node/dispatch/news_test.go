package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// toldOf is what a core says when it is due.
type toldOf struct {
	all, news        int
	follow, unfollow []string
}

// until ticks the core until the time given.
func (a *toldOf) until(c *Core, end time.Duration) {
	for c.Wake() <= end {
		a.take(c.Tick(c.Wake(), nil))
	}
}

func (a *toldOf) take(fx []Effect) {
	for _, e := range fx {
		switch {
		case e.Do == Announce && e.News:
			a.news++
		case e.Do == Announce:
			a.all++
		case e.Do == Follow:
			a.follow = append(a.follow, e.To)
		case e.Do == Unfollow:
			a.unfollow = append(a.unfollow, e.To)
		}
	}
}

// meshOf is a core, DC1, that has heard of so many others.
func meshOf(others int) (c *Core, members []mesh.Member) {
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation = "DC1", 1
	c = New(cfg)
	members = []mesh.Member{{Name: "DC1"}}
	for i := range others {
		name := fmt.Sprintf("DC%d", i+2)
		members = append(members, mesh.Member{Name: name})
		c.PeerState(0, 1, mesh.State{Name: name, Sequence: 1}, nil)
	}
	return c, members
}

// In a large mesh a node tells everybody of itself once a heartbeat, and its
// neighbours of every change, whose news it follows in turn.
func TestNewsAreForNeighbours(t *testing.T) {
	c, members := meshOf(40)
	var got toldOf
	got.until(c, 0)
	if want := mesh.Neighbours(members, "DC1"); !slices.Equal(got.follow, want) || got.unfollow != nil || got.all != 1 {
		t.Fatalf("%+v, want to follow %v", got, want)
	}
	got = toldOf{}
	for now := time.Duration(0); now < 4500*time.Millisecond; now += 50 * time.Millisecond {
		got.until(c, now)
		c.Changed(now)
		for _, m := range members[1:] {
			c.PeerState(now, 1, mesh.State{Name: m.Name, Sequence: uint64(now) + 2}, nil)
		}
	}
	if got.all != 4 || got.news < 80 || got.follow != nil {
		t.Errorf("in 4.5 s: %+v", got)
	}

	// One that goes is replaced; when few are left, all tell all.
	got = toldOf{}
	gone := mesh.Neighbours(members, "DC1")[0]
	c.PeerState(5*time.Second, 1, mesh.State{Name: gone, Sequence: 1 << 60, Leaving: true}, nil)
	c.Changed(5 * time.Second)
	got.until(c, 5100*time.Millisecond)
	if len(got.follow) == 0 || !slices.Contains(got.unfollow, gone) {
		t.Errorf("after the end of %s: %+v", gone, got)
	}
	got = toldOf{}
	got.until(c, 9*time.Second)
	if len(c.Peers()) > 0 || len(got.unfollow) < 15 || got.follow != nil {
		t.Errorf("alone: %+v", got)
	}
	got = toldOf{}
	c.Changed(9 * time.Second)
	got.until(c, 9300*time.Millisecond)
	if got.news > 0 || got.all == 0 {
		t.Errorf("alone it says %+v", got)
	}
}

// In a mesh in which all are neighbours nobody is followed, and all is for all.
func TestNewsAreForAll(t *testing.T) {
	c, _ := meshOf(mesh.FullMesh - 1)
	var got toldOf
	for now := time.Duration(0); now < 900*time.Millisecond; now += 50 * time.Millisecond {
		got.until(c, now)
		c.Changed(now)
	}
	if got.news > 0 || got.all < 15 || got.follow != nil {
		t.Errorf("%+v", got)
	}
}

// That a node drains, and its goodbye, are for all.
func TestTheEndIsForAll(t *testing.T) {
	c, _ := meshOf(40)
	var got toldOf
	got.until(c, 0)
	c.Changed(time.Millisecond)
	got.until(c, 100*time.Millisecond)
	if got.news != 1 {
		t.Fatalf("%+v", got)
	}
	got = toldOf{}
	c.Drain(200 * time.Millisecond)
	got.until(c, 300*time.Millisecond)
	if got.all != 1 || got.news > 0 {
		t.Errorf("draining: %+v", got)
	}
	got = toldOf{}
	got.take(c.Close(400*time.Millisecond, nil))
	if got.all != 1 || got.news > 0 {
		t.Errorf("goodbye: %+v", got)
	}
}
