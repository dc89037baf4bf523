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

// Member is a node as the others know it when they choose their neighbours.
type Member struct {
	Name   string
	Region string // where it is; "": it was not told, which is a region of its own
}

// Neighbours returns which of the members a node has to do with, in order of name:
// all others of up to FullMesh, itself included; beyond that those next to it on
// a number of rings, in each of which the nodes stand in an order of its own, by
// a hash of their names. On half of the rings there are the nodes of its region
// only, so that work finds a place near by (docs/routing.md). The names are all
// different and self is among them.
//
// Every node finds the same rings, so neighbours are each other's. One of the
// common rings alone leads from every node to every other. A node that comes or
// goes changes on each ring the links beside it and no others: three of K. There
// are ten rings, or log2 K, if that is more; so a node has 20 neighbours, or less
// where two meet on more than one ring, as they must in a region of ten or fewer.
// All of them may be of its region.
func Neighbours(members []Member, self string) []string {
	if len(members) <= FullMesh {
		var others []string
		for _, m := range members {
			if m.Name != self {
				others = append(others, m.Name)
			}
		}
		slices.Sort(others)
		return others
	}
	all := make([]place, len(members))
	for i, m := range members {
		all[i] = place{hashOf(m.Name), m.Name}
	}
	at := slices.IndexFunc(members, func(m Member) bool { return m.Name == self })
	var near []place // those of its region
	for i, m := range members {
		if m.Region == members[at].Region {
			near = append(near, all[i])
		}
	}
	var found []string
	rings := uint64(max(minRings, bits.Len(uint(len(members)-1))))
	for ring := range rings {
		on := all
		if ring < rings/2 {
			on = near
		}
		if len(on) > 1 {
			before, after := beside(on, all[at], ring)
			found = append(found, before, after)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// place is where a node stands: by its hash, or that on a ring.
type place struct {
	hash uint64
	name string // decides between two of one hash
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.hash, q.hash), strings.Compare(p.name, q.name))
}

// on is the place on a ring of the node with that hash.
func (p place) on(ring uint64) place { return place{onRing(p.hash, ring), p.name} }

// beside returns the nodes next to one on a ring of at least two.
func beside(nodes []place, self place, ring uint64) (before, after string) {
	self = self.on(ring)
	var first, last, below, above place // below and above self
	for _, n := range nodes {
		at := n.on(ring)
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
