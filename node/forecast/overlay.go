package forecast

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// neighbours returns those that a node has among the nodes that live.
func (w *world) neighbours(node int32) []int32 {
	var names []string
	index := make(map[string]int32, len(w.names))
	for i, name := range w.names {
		if !w.absent[i] {
			names = append(names, name)
			index[name] = int32(i)
		}
	}
	var found []int32
	for _, name := range mesh.Neighbours(names, w.names[node]) {
		found = append(found, index[name])
	}
	return found
}

// meet has a node tell those of its state from now on that it should and does
// not yet.
func (c *cores) meet(n *coreNode) {
	for _, peer := range c.w.neighbours(n.index) {
		list := &n.near
		if c.w.region[peer] != c.w.region[n.index] {
			list = &n.far
		}
		if !contains(*list, peer) {
			*list = append(*list, peer)
		}
	}
}

// missed has the neighbours of a dead node find others in its place, when they
// have missed it. No other links change, unless so few nodes are left that all
// are neighbours.
func (c *cores) missed(dead *coreNode) {
	alive := 0
	for _, d := range c.w.absent {
		if !d {
			alive++
		}
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		if !c.w.absent[i] && (alive <= mesh.FullMesh || contains(dead.near, n.index) || contains(dead.far, n.index)) {
			c.meet(n)
		}
	}
}

// firstTick draws when a node announces itself for the first time, so that not
// all of them do at the same moment for ever.
func (w *world) firstTick() time.Duration {
	return time.Duration(w.random.Int64N(int64(w.cfg.interval())))
}
