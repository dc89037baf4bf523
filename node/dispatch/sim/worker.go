package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Worker does tasks of one service, one at a time.
type Worker struct {
	world      *World
	inbox      string
	service    string
	connection *Connection

	hand  *parcel   // the task it works on
	queue []*parcel // what came meanwhile
	life  int       // grows when it forgets what it does
	hangs bool

	unsent  []*parcel // done while disconnected
	owes    bool      // a READY, when it is idle
	leaving bool
	left    bool // the node knows that it is leaving
	let     bool // leaving, and the node has said yes
	gone    bool
}

// parcel is a dispatch on its way.
type parcel struct {
	message any
	attempt mesh.Attempt
	sent    time.Duration
	due     time.Duration // when the node takes the task back; 0: never
	over    *Connection   // that it came over
	stray   bool          // the node meant another connection
}

// AddWorkers adds idle workers of a service to a node, so many on each
// connection.
func (w *World) AddWorkers(n *Node, service string, workers, perConnection int) []*Worker {
	var all []*Worker
	for range workers {
		w.workers++
		all = append(all, &Worker{world: w, inbox: fmt.Sprintf("w%d", w.workers), service: service, owes: true})
	}
	for some := range slices.Chunk(all, max(1, perConnection)) {
		c := &Connection{world: w, node: n, workers: slices.Clone(some)}
		for _, k := range some {
			k.connection = c
			if w.opt.Repeat > 0 {
				k.repeat()
			}
		}
		c.reconnect() // or waits for the node
	}
	return all
}

// Connection returns the worker's connection, the last one if it has none.
func (k *Worker) Connection() *Connection { return k.connection }

// Gone reports whether the worker has ended.
func (k *Worker) Gone() bool { return k.gone }

// Leave is the polite end: the worker does what it has in hand first.
func (k *Worker) Leave() {
	c := k.connection
	if k.gone || k.leaving || !c.up {
		return
	}
	k.leaving = true
	c.send(func() {
		k.left = true
		c.node.view.leave(k.inbox)
		c.node.input("leave "+k.inbox, func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
			c.node.core.Leave(now, k.inbox)
			return fx
		})
		c.receive(func() {
			k.let = true
			k.next()
		})
	})
}

// Vanish ends the worker without a word; its connection stays.
func (k *Worker) Vanish() {
	if !k.gone {
		k.world.note("%s vanishes", k.inbox)
		k.end()
	}
}

// Hang has no task of the worker end from now on.
func (k *Worker) Hang() {
	k.hangs = true
	k.life++
}

// end forgets everything and takes back the subscription.
func (k *Worker) end() {
	k.gone = true
	k.disconnected(true)
	if c := k.connection; c.up {
		c.send(func() { c.node.unsubscribe(k, c) })
	}
}

// deliver gives a dispatch to whoever has subscribed to the inbox.
func (n *Node) deliver(e *dispatch.Effect) {
	w := n.world
	taskOf(e.Task).placed = true
	client, due := n.view.dispatched(e)
	if due > 0 {
		due += n.started
	}
	for _, c := range n.inboxes[e.To] {
		p := &parcel{message: e.Task, attempt: e.Attempt, sent: w.now, due: due, over: c, stray: c.id != client}
		for _, k := range c.workers {
			if k.inbox == e.To {
				c.receive(func() { k.receive(p) })
			}
		}
	}
	if len(n.inboxes[e.To]) == 0 {
		run, attempt := n.run, e.Attempt
		w.After(w.opt.Local(w.random), func() {
			if n.up && n.run == run {
				n.view.undelivered(attempt)
				n.input(fmt.Sprintf("undelivered slot %d.%d", attempt.Slot, attempt.Generation),
					func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
						return n.core.Undelivered(now, attempt, fx)
					})
			}
		})
	}
}

// receive takes a dispatch in. A second one beside the task in hand is wrong,
// save in cases that no node can prevent, in which the node had rightly taken
// the first one back, and a READY from before it then said that the worker is
// free: its time was over; or its origin was gone; or it was meant for, or came
// over, a connection of the worker that has ended since.
func (k *Worker) receive(p *parcel) {
	w := k.world
	if k.gone {
		return
	}
	if k.hand == nil {
		k.begin(p)
		return
	}
	for _, former := range append([]*parcel{k.hand}, k.queue...) {
		timedOut := former.due > 0 && former.due <= p.sent
		g, _ := former.message.(*guest)
		dropped := g != nil && g.dropped > 0 && g.dropped <= p.sent
		if !timedOut && !dropped && !former.stray && former.over == k.connection {
			w.fail("G1: %s got %v while it had %v in hand", k.inbox, p.message, former.message)
		}
	}
	k.queue = append(k.queue, p)
}

func (k *Worker) begin(p *parcel) {
	w, life := k.world, k.life
	k.hand = p
	taskOf(p.message).Runs++
	if k.hangs {
		return
	}
	w.After(w.opt.Work(w.random), func() {
		if k.life == life {
			k.finish()
		}
	})
}

// finish answers the task in hand, now or when there is a connection again.
func (k *Worker) finish() {
	p := k.hand
	k.hand = nil
	if k.connection.up {
		k.answer(p)
	} else {
		k.unsent = append(k.unsent, p)
	}
	k.next()
}

// next begins what came meanwhile, or ends a worker that was let go.
func (k *Worker) next() {
	switch {
	case k.hand != nil || k.gone:
	case len(k.queue) > 0:
		p := k.queue[0]
		k.queue = k.queue[1:]
		k.begin(p)
	case k.let:
		k.end()
	case k.owes && k.connection.up:
		k.owes = false
		k.Ready()
	}
}

func (k *Worker) answer(p *parcel) {
	c := k.connection
	c.send(func() {
		n := c.node
		n.view.done(p.attempt)
		n.input(fmt.Sprintf("done %v by %s, slot %d.%d", p.message, k.inbox, p.attempt.Slot, p.attempt.Generation),
			func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect {
				return n.core.Done(now, p.attempt, answer{task: taskOf(p.message), worker: k.inbox}, fx)
			})
	})
}

// disconnected is the end of the worker's connection.
func (k *Worker) disconnected(forget bool) {
	if k.leaving {
		k.gone, forget = true, true
	}
	k.owes = true
	if forget {
		k.hand, k.queue, k.unsent = nil, nil, nil
		k.life++
	}
}

// reconnected is the worker's begin on a new connection.
func (k *Worker) reconnected() {
	for _, p := range k.unsent {
		k.answer(p)
	}
	k.unsent = nil
	k.next()
}
