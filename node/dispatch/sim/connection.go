package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Connection is a connection of workers to their node's server. It keeps the
// order of each direction.
type Connection struct {
	world   *World
	node    *Node
	run     int // of the node
	id      uint64
	workers []*Worker

	up    bool // the workers' end
	known bool // the server's end: it takes in, and delivers, until it notices

	sent, arrived uint64 // messages of the workers
	last          uint64 // the last of them that is to arrive, once it is cut
	toNode        time.Duration
	toWorkers     time.Duration // the last arrival in each direction
}

// connect makes a new connection for workers. The node's server assigns ids in
// order, as NATS does.
func (n *Node) connect(workers []*Worker) *Connection {
	n.client++
	c := &Connection{world: n.world, node: n, run: n.run, id: n.client, workers: workers, up: true, known: true, last: 1<<64 - 1}
	n.connections = append(n.connections, c)
	for _, k := range workers {
		k.connection = c
		n.inboxes[k.inbox] = append(n.inboxes[k.inbox], c)
	}
	return c
}

// send takes a worker's message to the node.
func (c *Connection) send(f func()) {
	w := c.world
	if !c.up {
		return
	}
	c.sent++
	number := c.sent
	c.toNode = max(c.toNode, w.now+w.opt.Local(w.random))
	w.At(c.toNode, func() {
		if number > c.last || c.run != c.node.run || !c.node.up {
			return
		}
		c.arrived = number
		f()
	})
}

// receive takes a message of the node to a worker. If the connection is cut
// meanwhile it is lost.
func (c *Connection) receive(f func()) {
	w := c.world
	c.toWorkers = max(c.toWorkers, w.now+w.opt.Local(w.random))
	w.At(c.toWorkers, func() {
		if c.up {
			f()
		}
	})
}

// Cut ends a connection. What its workers sent last may be lost. They come back
// after the given time, under another client id, or never if that is below 0.
func (w *World) Cut(c *Connection, back time.Duration) {
	if !c.up {
		return
	}
	w.note("cut %s client %d, back in %v", c.node.name, c.id, back)
	c.last = c.arrived + w.random.Uint64N(c.sent-c.arrived+1)
	c.drop()
	w.After(w.opt.Notice(w.random), c.noticed)
	if back >= 0 {
		w.After(back, c.reconnect)
		return
	}
	for _, k := range c.workers {
		k.end()
	}
}

// drop is the workers' side of the end: each one forgets the task it has, or
// goes on with it to answer when it is back.
func (c *Connection) drop() {
	c.up = false
	for _, k := range c.workers {
		k.disconnected(c.world.chance(0.5))
	}
}

// noticed is the server's side: the subscriptions go, and the node is told
// after everything that arrived.
func (c *Connection) noticed() {
	w, n := c.world, c.node
	if !c.known || c.run != n.run {
		return
	}
	c.known = false
	n.connections = slices.DeleteFunc(n.connections, func(d *Connection) bool { return d == c })
	for _, k := range c.workers {
		n.unsubscribe(k, c)
	}
	w.At(max(c.toNode, w.now+w.opt.Local(w.random)), func() {
		if c.run != n.run || !n.up {
			return
		}
		n.departed[c.id] = struct{}{}
		n.view.disconnected(c.id)
		n.input(fmt.Sprintf("disconnected client %d", c.id), func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
			return n.core.Disconnected(now, c.id, fx)
		})
	})
}

func (n *Node) unsubscribe(k *Worker, c *Connection) {
	left := slices.DeleteFunc(n.inboxes[k.inbox], func(d *Connection) bool { return d == c })
	if len(left) == 0 {
		delete(n.inboxes, k.inbox)
		return
	}
	n.inboxes[k.inbox] = left
}

// reconnect brings the workers of a connection back on another.
func (c *Connection) reconnect() {
	n := c.node
	if !n.up {
		n.orphans = append(n.orphans, c)
		return
	}
	alive := slices.DeleteFunc(slices.Clone(c.workers), func(k *Worker) bool { return k.gone })
	if len(alive) == 0 {
		return
	}
	fresh := n.connect(alive)
	n.world.note("%s client %d is back as %d", n.name, c.id, fresh.id)
	for _, k := range alive {
		k.reconnected()
	}
}
