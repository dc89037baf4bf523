package sim

import (
	"fmt"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Ready sends READY, as a worker does that holds no task: when it starts, when
// it is back, and every now and then. The node looks up whose subscription the
// inbox is, which takes its time.
func (k *Worker) Ready() {
	c, w := k.connection, k.world
	n := c.node
	if k.gone || k.leaving || k.hand != nil {
		return
	}
	c.send(func() {
		said := n.Time()
		w.After(w.opt.Census(w.random), func() {
			if c.run != n.run || len(n.inboxes[k.inbox]) == 0 {
				return
			}
			id := dispatch.WorkerID{Inbox: k.inbox}
			for _, holder := range n.inboxes[k.inbox] {
				id.Client = max(id.Client, holder.id)
			}
			w.After(w.opt.Local(w.random), func() { n.ready(dispatch.Ready{ID: id, Service: k.service, Said: said}, c.run, k) })
		})
	})
}

// ready takes in what a census found, unless the connection has ended since or
// the worker has left.
func (n *Node) ready(r dispatch.Ready, run int, k *Worker) {
	if _, departed := n.departed[r.ID.Client]; departed || run != n.run || !n.up || k.left {
		return
	}
	n.view.ready(r)
	n.input(fmt.Sprintf("ready %s client %d of %q", r.ID.Inbox, r.ID.Client, r.Service),
		func(now time.Duration, fx []dispatch.Effect) []dispatch.Effect { return n.core.Ready(now, r, fx) })
}

// repeat says READY now and then for as long as the worker lives.
func (k *Worker) repeat() {
	k.world.After(k.world.opt.Repeat, func() {
		if !k.gone {
			if k.connection.up && !k.owes {
				k.Ready()
			}
			k.repeat()
		}
	})
}
