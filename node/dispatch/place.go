package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// settle finds a task that is nowhere its place: an idle worker here, else the
// queue, from which it, or another, may go on to a peer; or aside, if its
// client has gone meanwhile.
func (c *Core) settle(now time.Duration, t *task, fx []Effect) []Effect {
	return c.settleBy(now, t, mesh.Route{}, fx)
}

// settleBy is settle with a route that was found for the service already, if
// there is one.
func (c *Core) settleBy(now time.Duration, t *task, r mesh.Route, fx []Effect) []Effect {
	s := t.service
	if !c.present(now, t) {
		return c.overflow(now, s, c.setAside(now, t, fx))
	}
	if w := s.idle.head; w != nil && r.Peer == nil { // a draining node has one for what it has
		return c.dispatch(now, t, w, fx)
	}
	if s.queue.n == 0 && !t.here {
		if r.Peer == nil {
			r = c.route(now, s, t, t.lasts())
		}
		if r.Peer != nil {
			return c.delegate(now, t, r, fx)
		}
	}
	c.enqueue(now, t)
	for r.Peer != nil {
		t := s.queue.leaves(r)
		if t == nil {
			break
		}
		c.dequeue(now, t)
		if c.present(now, t) {
			fx = c.delegate(now, t, r, fx)
			break
		}
		fx = c.setAside(now, t, fx)
	}
	fx = c.overflow(now, s, fx)
	if t.place == waiting {
		c.noteQueued(now, t)
	}
	return fx
}

// feed gives waiting tasks of the service to idle workers, oldest first, and to
// peers. It is called whenever a worker or a peer may have become free.
func (c *Core) feed(now time.Duration, s *service, fx []Effect) []Effect {
	for s.queue.n > 0 && s.idle.head != nil {
		t := s.queue.oldest()
		c.dequeue(now, t)
		if !c.present(now, t) {
			fx = c.setAside(now, t, fx)
			continue
		}
		fx = c.dispatch(now, t, s.idle.head, fx)
	}
	return c.overflow(now, s, fx)
}

func (c *Core) feedAll(now time.Duration, fx []Effect) []Effect {
	for i := 0; i < len(c.services.list); {
		s := c.services.list[i]
		if s.queue.n > 0 || s.idle.n > 0 {
			fx = c.feed(now, s, fx)
		}
		if i < len(c.services.list) && c.services.list[i] == s { // it was not its last task
			i++
		}
	}
	return fx
}

func (c *Core) feedNamed(now time.Duration, service string, fx []Effect) []Effect {
	if s := c.services.byName[service]; s != nil {
		return c.feed(now, s, fx)
	}
	return fx
}

// overflow gives waiting tasks of the service to peers, as long as the policy
// finds one for them, and sees to it that those who wait for this node's news
// get them soon.
func (c *Core) overflow(now time.Duration, s *service, fx []Effect) []Effect {
	if c.alone {
		return fx
	}
	if s.queue.n > 0 {
		var h mesh.Home
		for s.queue.n > 0 {
			h = c.home(now, s)
			h.Excess = c.excess(h)
			c.view = h
			r := c.peers.Overflow(now, s.name, h, c.random)
			if r.Peer == nil {
				if r.Later {
					c.nextTry = min(c.nextTry, now+c.announcer.Interval)
				}
				break
			}
			t := s.queue.leaves(r)
			if t == nil {
				break
			}
			c.dequeue(now, t)
			if !c.present(now, t) {
				fx = c.setAside(now, t, fx)
				continue
			}
			fx = c.delegate(now, t, r, fx)
		}
		if !s.toldExcess && s.queue.n > 0 && h.Excess > 0 {
			c.announcer.Urgent(now)
		}
	}
	if s.idle.n > 0 && !s.toldIdle && c.peers.Wants(s.name) {
		c.announcer.Urgent(now)
	}
	return fx
}

// route finds a peer for one more task of the service than wait: t, or nil, one that
// there is no room for. It lasts so long; but if others wait that may go, the first of
// them goes where there is no worker, and what counts is how long that lasts.
func (c *Core) route(now time.Duration, s *service, t *task, lasts time.Duration) mesh.Route {
	if c.alone {
		return mesh.Route{}
	}
	h := c.home(now, s)
	h.Waiting = s.queue.n + 1
	h.Excess, h.Final, h.Full = h.Waiting, t != nil && t.final(), t == nil
	if s.queue.free.head == nil {
		h.Lasts = lasts
	}
	c.view = h
	return c.peers.Overflow(now, s.name, h, c.random)
}

// dispatch gives a task that is nowhere to an idle worker.
func (c *Core) dispatch(now time.Duration, t *task, w *worker, fx []Effect) []Effect {
	w.service.idle.remove(w)
	w.attempt = c.attemptOf(w.slot, &w.generation)
	w.task, w.started, t.service.moved = t, now, now
	t.place, t.worker = running, w
	due := t.deadline
	if limit := c.cfg.AttemptTimeout; limit > 0 && (due == 0 || now+limit < due) {
		due = now + limit
	}
	c.due.set(t, due)
	c.stats.Dispatched++
	if t.noted > 0 {
		c.noteDispatched(now, t, w)
	}
	c.changed(now)
	return append(fx, Effect{Do: Dispatch, Task: t.message, To: w.id.Inbox, Attempt: w.attempt, Left: t.left(now)})
}

// delegate sends a task that is nowhere to a peer.
func (c *Core) delegate(now time.Duration, t *task, r mesh.Route, fx []Effect) []Effect {
	p, patience := r.Peer, r.Patience
	if t.final() { // it has been given back often enough
		patience = max(patience, c.cfg.QueueTimeout)
	}
	t.sends++
	t.attempt = c.attemptOf(t.slot, &t.generation)
	t.place, t.peer, t.sent = away, p, now
	if c.away++; c.away == 1 {
		c.nextAsk, c.nextPing = now+c.cfg.AskInterval, now+c.cfg.PingInterval
	}
	t.number = p.Sent(now, t.service.name)
	c.due.set(t, t.deadline)
	c.stats.Delegated++
	c.noteDelegated(now, t, r)
	return append(fx, Effect{
		Do: Delegate, Task: t.message, To: p.Name, Attempt: t.attempt, Service: t.service.name,
		Age: now - t.arrived, Left: t.left(now), Losses: t.losses, Number: t.number, Patience: patience,
	})
}

const (
	// maxSends is how often a task is sent to a peer until one queues it, however
	// long it may have to wait there.
	maxSends = 3
	// maxReturns is how often a task may come back undone, at once, and have the
	// time that it was gone for nothing. More often it comes from one who says that
	// it has idle workers, and lets none of them have it.
	maxReturns = 16
)

func (c *Core) enqueue(now time.Duration, t *task) {
	t.place, t.queued = waiting, now
	if t.service.queue.n == 0 {
		t.service.began = now
	}
	t.service.queue.insert(t)
	c.waiting++
	c.hold(t)
	c.due.set(t, c.leaves(t))
	c.changed(now)
}

func (c *Core) dequeue(now time.Duration, t *task) {
	c.takeBack(t)
	c.changed(now)
}
