package forecast

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// follows returns whose news each node gets, in order of name.
func (c *cores) follows() [][]string {
	of := make([][]string, len(c.nodes))
	for i := range c.nodes {
		n := &c.nodes[i]
		for _, by := range append(slices.Clone(n.near), n.far...) {
			of[by] = append(of[by], n.name)
		}
	}
	for _, names := range of {
		slices.Sort(names)
	}
	return of
}

// compareWithOverlay checks that every node follows exactly the neighbours that
// it has among those that live, and knows all that live and no other.
func compareWithOverlay(t *testing.T, c *cores) {
	t.Helper()
	var living []string
	var members []mesh.Member
	for i, name := range c.w.names {
		if !c.w.absent[i] {
			living = append(living, name)
			members = append(members, mesh.Member{Name: name, Region: c.w.regionName(int32(i))})
		}
	}
	slices.Sort(living)
	for i, got := range c.follows() {
		if c.w.absent[i] {
			continue
		}
		n, want := &c.nodes[i], []string(nil)
		if len(living) > mesh.FullMesh {
			want = mesh.Neighbours(members, n.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s follows %v, want %v", n.name, got, want)
		}
		knows := []string{n.name}
		for _, p := range n.core.Peers() {
			knows = append(knows, p.Name)
		}
		if slices.Sort(knows); !slices.Equal(knows, living) {
			t.Errorf("%s knows %d nodes, %d live", n.name, len(knows), len(living))
		}
	}
}

// settled is for how long no node may have come or gone until each has heard of
// it and chosen its neighbours anew: the silence after which a peer is dead, and an
// announcement or two, which are never far in a busy mesh.
func settled() time.Duration { return dispatch.DefaultConfig().PeerExpiry + 300*time.Millisecond }

// Nodes come and go, one by one and several at once, also from and to a mesh in
// which all are neighbours. In the end everybody follows its neighbours and no one
// else, and no task was lost.
func TestOverlayFollowsJoinsAndDeaths(t *testing.T) {
	s := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for _, test := range []struct {
		nodes, workers int
		kills          []Change
		joins          []Change
	}{
		{12, 10, []Change{{2, s(0.3)}, {3, s(0.3)}, {12, s(0.9)}}, []Change{{11, s(0.1)}, {12, s(0.5)}}},
		{60, 2, []Change{{7, s(0.5)}, {30, s(0.5)}, {31, s(0.7)}, {60, s(1)}}, []Change{{58, s(0.2)}, {59, s(0.2)}, {60, s(0.4)}}},
		{34, 2, []Change{{1, s(1)}, {2, s(1.1)}}, []Change{{33, s(0.2)}, {34, s(0.4)}}}, // to a sparse mesh, and back
	} {
		t.Run(fmt.Sprint(test.nodes), func(t *testing.T) {
			c := DefaultConfig()
			c.Nodes, c.Workers, c.Load, c.Hot, c.Kills, c.Joins = test.nodes, test.workers, 0.6, 1.2, test.kills, test.joins
			c.Regions, c.Far = 3, ms(2)
			last := time.Duration(0)
			for _, k := range c.Kills {
				last = max(last, k.At)
			}
			per := float64(c.Nodes*c.Workers) * c.Load / c.Service.Mean.Seconds()
			c.Tasks = int(per * (last + settled()).Seconds())
			w := newWorld(c)
			most := 0
			w.sampled = func(w *world) {
				for _, names := range w.policy.(*cores).follows() {
					most = max(most, len(names))
				}
			}
			if r, err := w.run(); err != nil || r.Lost > 0 || w.places[done] != c.Tasks {
				t.Fatalf("%v, lost %d, done %d of %d", err, r.Lost, w.places[done], c.Tasks)
			}
			if sparse := c.Nodes > mesh.FullMesh; sparse != (most > 0) {
				t.Errorf("somebody follows %d others", most)
			}
			compareWithOverlay(t, w.policy.(*cores))
		})
	}
}

// The same with a thousand nodes, the most that all hear of each other here: ten
// join and ten die within a third of a second. Each newcomer has a task of a peer
// within half a second.
func TestOverlayOfAThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand nodes take a while")
	}
	c := DefaultConfig()
	c.Nodes, c.Workers, c.Load, c.Hot, c.Service.Mean = 1000, 20, 0.9, 2, ms(200)
	for i := range 10 {
		at := ms(300) + time.Duration(i)*ms(30) // there is something to do by then
		c.Joins = append(c.Joins, Change{300 + 60*i, at + ms(30)})
		c.Kills = append(c.Kills, Change{101 + 80*i, at})
	}
	c.Tasks = int(float64(c.Nodes*c.Workers) * c.Load / c.Service.Mean.Seconds() * (ms(600) + settled()).Seconds())
	w := newWorld(c)
	cores := w.policy.(*cores)
	first := firstGuests(w, cores)
	if r, err := w.run(); err != nil || r.Lost > 0 || w.places[done] != c.Tasks {
		t.Fatalf("%v, lost %d, done %d of %d", err, r.Lost, w.places[done], c.Tasks)
	}
	compareWithOverlay(t, cores)
	for _, j := range c.Joins {
		if after, worked := first[j.Node]; !worked || after > ms(500) {
			t.Errorf("node %d gets its first task of a peer after %v (%t)", j.Node, after, worked)
		}
	}
}
