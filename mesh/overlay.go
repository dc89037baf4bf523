package mesh

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// FullMesh is up to how many nodes each is every other's neighbour.
const FullMesh = 32

// minRings is half of how many neighbours a node has in a larger mesh. Twenty
// are as good as all (docs/routing.md).
const minRings = 10

// Neighbours returns which of the nodes a node has to do with, in order of name:
// all others of up to FullMesh, itself included; beyond that those next to it on
// a number of rings, in each of which the nodes stand in an order of its own, by
// a hash of their names. The names are all different and self is among them.
//
// Every node finds the same rings, so neighbours are each other's. One ring alone
// leads from every node to every other. A node that comes or goes changes on each
// ring the links beside it and no others: three of K. There are ten rings, or
// log2 K, if that is more; so a node has 20 neighbours, or a few less where two
// meet on more than one ring.
func Neighbours(names []string, self string) []string {
	if len(names) <= FullMesh {
		others := slices.Clone(names)
		others = slices.DeleteFunc(others, func(name string) bool { return name == self })
		slices.Sort(others)
		return others
	}
	hashes := make([]uint64, len(names))
	for i, name := range names {
		hashes[i] = hashOf(name)
	}
	own := hashOf(self)
	var found []string
	for ring := range uint64(max(minRings, bits.Len(uint(len(names)-1)))) {
		before, after := beside(names, hashes, place{onRing(own, ring), self}, ring)
		found = append(found, before, after)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// place is where a node stands on a ring.
type place struct {
	hash uint64
	name string // decides between two of one hash
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.hash, q.hash), strings.Compare(p.name, q.name))
}

// beside returns the nodes next to one on a ring of at least two.
func beside(names []string, hashes []uint64, self place, ring uint64) (before, after string) {
	var first, last, below, above place // below and above self
	for i, name := range names {
		at := place{onRing(hashes[i], ring), name}
		if first.name == "" || at.compare(first) < 0 {
			first = at
		}
		if last.name == "" || at.compare(last) > 0 {
			last = at
		}
		switch c := at.compare(self); {
		case c < 0 && (below.name == "" || at.compare(below) > 0):
			below = at
		case c > 0 && (above.name == "" || at.compare(above) < 0):
			above = at
		}
	}
	return cmp.Or(below.name, last.name), cmp.Or(above.name, first.name)
}

// hashOf is the 64 bit FNV-1a hash.
func hashOf(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// onRing is the place of a node on a ring: its hash, stirred (SplitMix64), for
// names that differ in their last character only have hashes that are alike.
func onRing(hash, ring uint64) uint64 {
	z := hash + (ring+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
