package forecast

import (
	"math/rand/v2"
	"slices"
	"time"
)

// fullMesh is up to how many nodes all hear each other.
const fullMesh = 32

// degree is how many neighbours a node has beyond that, about.
const degree = 20

// Overlay returns the nodes that a node shares its state with: all others, or,
// in a large mesh, those beside it on ten rings, in each of which the nodes are
// in another order at random.
func Overlay(names []string, self int) []int {
	n := len(names)
	var peers []int
	if n <= fullMesh {
		for i := range n {
			if i != self {
				peers = append(peers, i)
			}
		}
		return peers
	}
	for ring := range degree / 2 {
		order := rand.New(rand.NewPCG(uint64(n), uint64(ring))).Perm(n)
		at := slices.Index(order, self)
		peers = append(peers, order[(at+1)%n], order[(at+n-1)%n])
	}
	slices.Sort(peers)
	return slices.Compact(peers)
}

// overlay returns the neighbours of each node.
func (w *world) overlay() [][]int32 {
	neighbours := w.cfg.Neighbours
	if neighbours == nil {
		neighbours = Overlay
	}
	all := make([][]int32, w.cfg.Nodes)
	for i := range all {
		for _, peer := range neighbours(w.names, i) {
			all[i] = append(all[i], int32(peer))
		}
	}
	return all
}

// firstTick draws when a node announces itself for the first time, so that not
// all of them do at the same moment for ever.
func (w *world) firstTick() time.Duration {
	return time.Duration(w.random.Int64N(int64(w.cfg.interval())))
}
