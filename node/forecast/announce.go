package forecast

import "github.com/brokermesh/brokermesh/mesh"

// report is a state message on its way to all neighbours that are equally far.
type report struct {
	state mesh.State
	to    []int32
}

// announce sends a node's state to its neighbours.
func (c *cores) announce(n *coreNode) {
	w := c.w
	state := n.core.State(c.now(n))
	for _, to := range [][]int32{n.near, n.far} {
		if len(to) == 0 {
			continue
		}
		r, id := c.reports.take()
		*r = report{state, to}
		w.meter.sentState(len(to))
		w.events.push(event{at: w.now + w.delay(n.index, to[0]), node: n.index, ref: id, kind: hear})
	}
}

// hear gives a state message of a node to its neighbours.
func (c *cores) hear(from *coreNode, id int32) {
	w, r := c.w, c.reports.at(id)
	for _, to := range r.to {
		if w.absent[to] || w.drops() {
			continue
		}
		n := &c.nodes[to]
		if !contains(n.near, from.index) && !contains(n.far, from.index) { // it is new
			c.meet(n)
		}
		c.apply(n, n.core.PeerState(c.now(n), from.incarnation, r.state, n.fx))
	}
	c.reports.release(id)
}
