package forecast

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// report is a state message on its way to nodes that are equally far.
type report struct {
	state mesh.State
	to    []int32
}

// announce sends a node's state to all, or as news to those that follow it.
func (c *cores) announce(n *coreNode, news bool) {
	w := c.w
	state := n.core.State(c.now(n))
	if c.apart {
		return
	}
	near, far := n.near, n.far
	if !news {
		near, far = c.audience(n)
	}
	c.tell(n, near, w.cfg.Delay, state)
	c.tell(n, far, w.cfg.Far, state)
}

func (c *cores) tell(n *coreNode, to []int32, delay time.Duration, state mesh.State) {
	others := len(to)
	if contains(to, n.index) {
		others--
	}
	if others == 0 {
		return
	}
	r, id := c.reports.take()
	*r = report{state, to}
	c.w.meter.sentState(others)
	c.w.events.push(event{at: c.w.now + delay, node: n.index, ref: id, kind: hear})
}

// hear gives a state message of a node to those that it is for.
func (c *cores) hear(from *coreNode, id int32) {
	w, r := c.w, c.reports.at(id)
	for _, to := range r.to {
		if to == from.index || w.absent[to] || w.drops() {
			continue
		}
		n := &c.nodes[to]
		c.apply(n, n.core.PeerState(c.now(n), from.incarnation, r.state, n.fx))
	}
	c.reports.release(id)
}
