package mesh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// links is who is whose neighbour.
type links map[[2]string]bool

func linksOf(members []Member) links {
	l := make(links)
	for _, m := range members {
		for _, other := range Neighbours(members, m.Name) {
			l[[2]string{m.Name, other}] = true
		}
	}
	return l
}

// lost counts the links that are not in the other.
func (l links) lost(other links) (n int) {
	for link := range l {
		if !other[link] {
			n++
		}
	}
	return n
}

// reached counts the nodes that a way of links leads to.
func (l links) reached(members []Member) int {
	next := make(map[string][]string)
	for link := range l {
		next[link[0]] = append(next[link[0]], link[1])
	}
	seen := map[string]bool{members[0].Name: true}
	for todo := []string{members[0].Name}; len(todo) > 0; todo = todo[1:] {
		for _, name := range next[todo[0]] {
			if !seen[name] {
				seen[name] = true
				todo = append(todo, name)
			}
		}
	}
	return len(seen)
}

// manyMembers have names as people give them: numbered, or of a kind with others.
// They are in one region, or in several.
func manyMembers(t *rapid.T, most int) []Member {
	form := rapid.SampledFrom([]string{"DC%d", "%d", "eu-west-%d", "%x-node", "%d.example", "%03d"}).Draw(t, "form")
	regions := rapid.SampledFrom([]int{1, 1, 2, 5, 50}).Draw(t, "regions")
	count := rapid.IntRange(1, most).Draw(t, "count")
	first := rapid.IntRange(0, 5000).Draw(t, "first")
	seed := rapid.Uint64().Draw(t, "order")
	random := rand.New(rand.NewPCG(seed, 0))
	var members []Member
	for i := range count {
		m := Member{Name: fmt.Sprintf(form, first+i)}
		if regions > 1 {
			m.Region = fmt.Sprint("r", random.IntN(regions))
		}
		members = append(members, m)
	}
	random.Shuffle(count, func(i, j int) { members[i], members[j] = members[j], members[i] })
	return members
}

// Whatever the names and regions: neighbours are each other's, there are as many as
// there should be, every node is reached from every other, and the order in which
// a node has heard of the others makes no difference.
func TestOverlay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := manyMembers(t, 100)
		l := linksOf(members)
		if n := l.reached(members); n != len(members) {
			t.Fatalf("%d of %d nodes are reached", n, len(members))
		}
		for link := range l {
			if link[0] == link[1] || !l[[2]string{link[1], link[0]}] {
				t.Fatalf("%s is a neighbour of %s alone", link[1], link[0])
			}
		}
		for _, m := range members {
			n := len(Neighbours(members, m.Name))
			if len(members) <= FullMesh && n != len(members)-1 || len(members) > FullMesh && (n < minRings/2 || n > 2*minRings) {
				t.Fatalf("%s has %d neighbours of %d", m.Name, n, len(members))
			}
		}
		sorted := slices.SortedFunc(slices.Values(members), func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
		if a, b := Neighbours(members, members[0].Name), Neighbours(sorted, members[0].Name); !slices.Equal(a, b) {
			t.Fatalf("%s has %v and, in another order, %v", members[0].Name, a, b)
		}
	})
}

// A node has neighbours in its region, if there is anybody else.
func TestNeighboursAreNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := manyMembers(t, 100)
		if len(members) <= FullMesh {
			return
		}
		count, region := make(map[string]int), make(map[string]string)
		for _, m := range members {
			count[m.Region]++
			region[m.Name] = m.Region
		}
		for _, m := range members {
			near := 0
			for _, name := range Neighbours(members, m.Name) {
				if region[name] == m.Region {
					near++
				}
			}
			if want := min(count[m.Region]-1, 2); near < want {
				t.Fatalf("%s has %d neighbours in a region of %d", m.Name, near, count[m.Region])
			}
		}
	})
}

// Of a hundred nodes in four regions, half of the rings bring ten neighbours of the
// region, less those that meet twice, and the others a quarter of ten.
func TestHalfOfTheRingsAreNear(t *testing.T) {
	var members []Member
	region := make(map[string]string)
	for i := range 100 {
		m := Member{fmt.Sprintf("DC%d", i), fmt.Sprint("r", i%4)}
		members = append(members, m)
		region[m.Name] = m.Region
	}
	near, all := 0, 0
	for link := range linksOf(members) {
		all++
		if region[link[0]] == region[link[1]] {
			near++
		}
	}
	if near < 950 || near > 1150 || all < 1650 || all > 1900 {
		t.Errorf("%d of %d neighbours are near", near, all)
	}
}

// A node that comes or goes changes the links beside it, of which there are three
// on each ring, in both directions.
func TestOverlayHardlyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := manyMembers(t, 100)
		members = append(members, Member{"the-new-one", members[0].Region})
		if len(members) <= FullMesh+1 {
			return
		}
		after, before := linksOf(members), linksOf(members[:len(members)-1])
		if lost := before.lost(after); lost > 2*minRings {
			t.Fatalf("%d of %d links are lost", lost, len(before))
		}
		if won := after.lost(before); won > 4*minRings {
			t.Fatalf("%d links are new", won)
		}
	})
}

// A thousand nodes, a hundred of which go and a hundred others come, one by one:
// nobody is ever cut off, and everybody keeps enough neighbours.
func TestOverlayOfAThousand(t *testing.T) {
	var members []Member
	for i := range 1000 {
		members = append(members, Member{fmt.Sprintf("DC%d", i+1), fmt.Sprint("r", i%3)})
	}
	random := rand.New(rand.NewPCG(1, 0))
	check := func() links {
		l := linksOf(members)
		if n := l.reached(members); n != len(members) {
			t.Fatalf("%d of %d nodes are reached", n, len(members))
		}
		if mean := float64(len(l)) / float64(len(members)); mean < 19.5 || mean > 20 {
			t.Errorf("%.1f neighbours a node", mean)
		}
		return l
	}
	before := check()
	for i := range 100 {
		gone := random.IntN(len(members))
		members[gone] = Member{fmt.Sprintf("new%d", i), fmt.Sprint("r", random.IntN(3))}
		if i%10 != 9 {
			continue
		}
		after := check()
		// Ten went, with their 20 links each, and ten came between two others each.
		if lost := before.lost(after); lost > 2*10*(2+1)*minRings {
			t.Errorf("%d of %d links are lost after ten changes", lost, len(before))
		}
		before = after
	}
}

// Golden: another choice would have nodes of two versions follow different peers.
func TestOverlayIsTheSameForAllVersions(t *testing.T) {
	for regions, want := range map[int][]string{
		1: {
			"DC13", "DC14", "DC16", "DC2", "DC20", "DC22", "DC23", "DC24", "DC26", "DC30", "DC32", "DC33", "DC36", "DC37", "DC40", "DC5",
		},
		2: {
			"DC11", "DC13", "DC14", "DC15", "DC20", "DC22", "DC23", "DC24", "DC25", "DC29", "DC3", "DC31", "DC32", "DC33", "DC37", "DC40", "DC5",
		},
	} {
		var members []Member
		for i := range 40 {
			members = append(members, Member{fmt.Sprintf("DC%d", i+1), fmt.Sprint("r", i%regions)})
		}
		if got := Neighbours(members, "DC1"); !slices.Equal(got, want) {
			t.Errorf("DC1 has, of %d regions, %q, want %q", regions, got, want)
		}
	}
}
