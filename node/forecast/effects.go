package forecast

import (
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// carry does what an effect of a core asks for.
func (c *cores) carry(n *coreNode, e *dispatch.Effect) {
	w := c.w
	switch e.Do {
	case dispatch.Dispatch:
		c.begin(n, e)

	case dispatch.Reply:
		if !e.Guest {
			t := e.Task.(*task)
			w.end(t)
			return
		}
		g := e.Task.(*guest)
		if g.valid() {
			g.task.at = g.from
			w.move(g.task, moving)
		}
		a := c.parcel(n, g.from, answer, g.way)
		a.capacity = n.core.Capacity(c.now(n), e.Service, e.To)
		c.send(n, a)

	case dispatch.Refuse:
		w.lose(e.Task.(*task))

	case dispatch.Delegate:
		t := e.Task.(*task)
		t.try++
		p := c.parcel(n, c.byName[e.To], delegation, way{t, t.try, e.Attempt})
		t.at, t.away = p.to, true
		w.move(t, moving)
		p.age, p.losses, p.number, p.patience = e.Age, e.Losses, e.Number, e.Patience
		p.capacity = n.core.Capacity(c.now(n), e.Service, e.To)
		c.send(n, p)

	case dispatch.Return:
		g := e.Task.(*guest)
		if g.valid() {
			g.task.at = g.from
			w.move(g.task, moving)
			if g.task.counts {
				w.meter.nack++
			}
		}
		r := c.parcel(n, g.from, refusal, g.way)
		r.losses = e.Losses
		r.capacity = n.core.Capacity(c.now(n), e.Service, e.To)
		c.send(n, r)

	case dispatch.Drop:
		if g := e.Task.(*guest); g.valid() {
			w.move(g.task, moving) // nobody knows yet: its origin asks
		}

	case dispatch.Ask:
		p := c.parcel(n, c.byName[e.To], ask, way{})
		p.attempts = e.Attempts
		c.send(n, p)

	case dispatch.Announce:
		c.announce(n, e.News)

	case dispatch.Follow, dispatch.Unfollow:
		change := follow
		if e.Do == dispatch.Unfollow {
			change = unfollow
		}
		to := c.byName[e.To]
		w.events.push(event{at: w.now + w.delay(n.index, to), node: to, ref: n.index, kind: change})
	}
}

// begin has a worker run a task of the node's own clients, or a guest.
func (c *cores) begin(n *coreNode, e *dispatch.Effect) {
	w := c.w
	r, id := c.runs.take()
	*r = coreRun{attempt: e.Attempt}
	own, isOwn := e.Task.(*task)
	t, valid := own, true
	if isOwn {
		t.try++
		t.away = false
	} else {
		g := e.Task.(*guest)
		t, valid = g.task, g.valid()
	}
	if valid {
		w.begin(t, n.index)
	}
	w.events.push(event{at: w.now + w.runs(t, n.index), node: n.index, ref: id, kind: finish})
}
