package mesh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// links is who is whose neighbour.
type links map[[2]string]bool

func linksOf(names []string) links {
	l := make(links)
	for _, name := range names {
		for _, other := range Neighbours(names, name) {
			l[[2]string{name, other}] = true
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
func (l links) reached(names []string) int {
	next := make(map[string][]string)
	for link := range l {
		next[link[0]] = append(next[link[0]], link[1])
	}
	seen := map[string]bool{names[0]: true}
	for todo := []string{names[0]}; len(todo) > 0; todo = todo[1:] {
		for _, name := range next[todo[0]] {
			if !seen[name] {
				seen[name] = true
				todo = append(todo, name)
			}
		}
	}
	return len(seen)
}

// manyNames are names as people give them: numbered, or of a kind with others.
func manyNames(t *rapid.T, most int) []string {
	form := rapid.SampledFrom([]string{"DC%d", "%d", "eu-west-%d", "%x-node", "%d.example", "%03d"}).Draw(t, "form")
	count := rapid.IntRange(1, most).Draw(t, "count")
	first := rapid.IntRange(0, 5000).Draw(t, "first")
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf(form, first+i))
	}
	seed := rapid.Uint64().Draw(t, "order")
	rand.New(rand.NewPCG(seed, 0)).Shuffle(count, func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// Whatever the names: neighbours are each other's, there are as many as there
// should be, every node is reached from every other, and the order in which a
// node has heard of the others makes no difference.
func TestOverlay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := manyNames(t, 100)
		l := linksOf(names)
		if n := l.reached(names); n != len(names) {
			t.Fatalf("%d of %d nodes are reached", n, len(names))
		}
		for link := range l {
			if link[0] == link[1] || !l[[2]string{link[1], link[0]}] {
				t.Fatalf("%s is a neighbour of %s alone", link[1], link[0])
			}
		}
		for _, name := range names {
			n := len(Neighbours(names, name))
			if len(names) <= FullMesh && n != len(names)-1 || len(names) > FullMesh && (n < minRings || n > 2*minRings) {
				t.Fatalf("%s has %d neighbours of %d", name, n, len(names))
			}
		}
		sorted := slices.Sorted(slices.Values(names))
		if a, b := Neighbours(names, names[0]), Neighbours(sorted, names[0]); !slices.Equal(a, b) {
			t.Fatalf("%s has %v and, in another order, %v", names[0], a, b)
		}
	})
}

// A node that comes or goes changes the links beside it, of which there are three
// on each ring, in both directions.
func TestOverlayHardlyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := append(manyNames(t, 100), "the-new-one")
		if len(names) <= FullMesh+1 {
			return
		}
		after, before := linksOf(names), linksOf(names[:len(names)-1])
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
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("DC%d", i+1))
	}
	random := rand.New(rand.NewPCG(1, 0))
	check := func() links {
		l := linksOf(names)
		if n := l.reached(names); n != len(names) {
			t.Fatalf("%d of %d nodes are reached", n, len(names))
		}
		if mean := float64(len(l)) / float64(len(names)); mean < 19.5 || mean > 20 {
			t.Errorf("%.1f neighbours a node", mean)
		}
		return l
	}
	before := check()
	for i := range 100 {
		gone := random.IntN(len(names))
		names[gone] = fmt.Sprintf("new%d", i)
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

// Golden: another choice would cut running meshes of two versions in two.
func TestOverlayIsTheSameForAllVersions(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("DC%d", i+1))
	}
	got := Neighbours(names, "DC1")
	want := []string{
		"DC13", "DC14", "DC16", "DC2", "DC20", "DC22", "DC23", "DC24", "DC26", "DC30", "DC32", "DC33", "DC36", "DC37", "DC40", "DC5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("DC1 has %q, want %q", got, want)
	}
}
