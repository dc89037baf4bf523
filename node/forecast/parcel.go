package forecast

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// way is one way of a task from its origin.
type way struct {
	task    *task
	try     uint32 // of the task
	attempt mesh.Attempt
}

// valid reports whether the task is still on that way.
func (w *way) valid() bool { return w.task.try == w.try }

// guest is a task that a core got from a peer.
type guest struct {
	way
	from int32
}

// parcel is a message between two nodes.
type parcel struct {
	way
	id       int32
	kind     parcelKind
	from, to int32
	age      time.Duration
	losses   int
	number   uint64
	patience time.Duration
	capacity mesh.Capacity
	attempts []mesh.Attempt
}

type parcelKind uint8

const (
	delegation parcelKind = iota
	answer
	refusal
	ask
	held
)

// parcel begins a message from a node.
func (c *cores) parcel(n *coreNode, to int32, kind parcelKind, about way) *parcel {
	p, id := c.parcels.take()
	*p = parcel{way: about, id: id, kind: kind, from: n.index, to: to}
	return p
}

// send sends a message. One that is lost says so to nobody.
func (c *cores) send(n *coreNode, p *parcel) {
	w := c.w
	if p.kind > answer {
		w.meter.sentControl()
	}
	if w.drops() {
		if p.task != nil && p.valid() {
			p.task.delayed = true
		}
		c.parcels.release(p.id)
		return
	}
	w.events.push(event{at: w.now + w.delay(n.index, p.to), node: p.to, ref: p.id, kind: arrived})
}

// arrived gives a message to the core of its node. The sender of one to a dead
// node hears that nobody is there.
func (c *cores) arrived(n *coreNode, id int32) {
	w, p := c.w, c.parcels.at(id)
	if w.absent[n.index] {
		if p.kind == delegation || p.kind == ask {
			w.events.push(event{at: w.now + w.delay(p.to, p.from), node: p.from, ref: id, kind: bounced})
			return
		}
		c.parcels.release(id)
		return
	}
	now, fx := c.now(n), n.fx
	if p.capacity.Node != "" {
		fx = n.core.PeerCapacity(now, p.capacity, fx)
	}
	switch p.kind {
	case delegation:
		from := &c.nodes[p.from]
		d := mesh.Delegation{Origin: from.name, Incarnation: from.incarnation, Attempt: p.attempt, Age: p.age, Losses: p.losses, Number: p.number, Patience: p.patience}
		if p.valid() {
			w.move(p.task, waiting) // unless a worker or its origin gets it now
		}
		fx = n.core.Guest(now, d, &guest{p.way, p.from}, fx)
	case answer:
		fx = n.core.Answered(now, p.attempt, nil, fx)
	case refusal:
		if p.valid() {
			w.move(p.task, waiting)
		}
		fx = n.core.Returned(now, p.attempt, p.losses, fx)
	case ask:
		h := c.parcel(n, p.from, held, way{})
		h.attempts, fx = n.core.NotHeld(now, p.attempts, fx)
		h.capacity = n.core.Capacity(now, "", c.nodes[p.from].name)
		c.send(n, h)
	case held:
		fx = n.core.Missing(now, c.nodes[p.from].name, p.attempts, fx)
	}
	c.parcels.release(id)
	c.apply(n, fx)
}

// bounced tells the sender of a message that nobody is there.
func (c *cores) bounced(n *coreNode, id int32) {
	w, p := c.w, c.parcels.at(id)
	defer c.parcels.release(id)
	if w.absent[n.index] {
		return
	}
	if p.kind == ask {
		n.core.NoAnswer(c.now(n), c.nodes[p.to].name)
		c.apply(n, n.fx)
		return
	}
	if p.valid() {
		p.task.delayed = true
		p.task.at = n.index
		w.move(p.task, waiting)
	}
	c.apply(n, n.core.Unreachable(c.now(n), p.attempt, n.fx))
}
