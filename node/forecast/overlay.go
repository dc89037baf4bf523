package forecast

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// neighbours returns those that a node has among the nodes that live.
func (w *world) neighbours(node int32) []int32 {
	var members []mesh.Member
	index := make(map[string]int32, len(w.names))
	for i, name := range w.names {
		if !w.absent[i] {
			members = append(members, mesh.Member{Name: name, Region: w.regionName(int32(i))})
			index[name] = int32(i)
		}
	}
	var found []int32
	for _, name := range mesh.Neighbours(members, w.names[node]) {
		found = append(found, index[name])
	}
	return found
}

// mostHeard is up to how many nodes hear the heartbeats of all. What each knows of
// each would not fit into memory beyond that, so they hear their neighbours only.
const mostHeard = 1000

// audience returns who hears the heartbeats of a node, in order of name, those of
// its region and the others. It may be among them itself. The lists are not
// changed any more.
func (c *cores) audience(n *coreNode) (near, far []int32) {
	w := c.w
	if len(c.nodes) > mostHeard {
		return c.divide(n, w.neighbours(n.index))
	}
	if c.audiences == nil {
		c.audiences = make(map[int][2][]int32)
	}
	region := w.region[n.index]
	if _, known := c.audiences[region]; !known {
		var all []int32
		for _, i := range c.inOrder {
			if !w.absent[i] {
				all = append(all, i)
			}
		}
		near, far = c.divide(n, all)
		c.audiences[region] = [2][]int32{near, far}
	}
	return c.audiences[region][0], c.audiences[region][1]
}

// divide divides nodes into those of a node's region and the others.
func (c *cores) divide(n *coreNode, nodes []int32) (near, far []int32) {
	for _, i := range nodes {
		if c.w.region[i] == c.w.region[n.index] {
			near = append(near, i)
		} else {
			far = append(far, i)
		}
	}
	return near, far
}

// follow and unfollow take the word of a node that it wants to hear the news of
// another, or no more. What is on its way is not touched.
func (c *cores) follow(n *coreNode, by int32) {
	list := c.followers(n, by)
	*list = append(slices.Clone(*list), by)
}

func (c *cores) unfollow(n *coreNode, by int32) {
	list := c.followers(n, by)
	*list = without(slices.Clone(*list), by)
}

func (c *cores) followers(n *coreNode, by int32) *[]int32 {
	if c.w.region[by] == c.w.region[n.index] {
		return &n.near
	}
	return &n.far
}

// firstTick draws when a node announces itself for the first time, so that not
// all of them do at the same moment for ever.
func (w *world) firstTick() time.Duration {
	return time.Duration(w.random.Int64N(int64(w.cfg.interval())))
}
