package dispatch

import (
	"cmp"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Request is a task from a client of this node.
type Request struct {
	Service string
	Client  string        // who sent it, as far as one can be told from another
	Timeout time.Duration // how long the client waits; 0: it did not say
	Here    bool          // addressed to this node by name: never delegated
	ID      string        // of the client's choice: a repeat of the request has the same; "": none
	Hash    uint64        // of the payload, if there is an ID
	Message any           // comes back in the effects that concern the task
}

// Request takes a task in: it is given to a worker or a peer, queued, or, with
// the queue at its limit, refused.
func (c *Core) Request(now time.Duration, r Request, fx []Effect) []Effect {
	c.stats.Requests++
	key := repeatKey{r.Service, r.ID}
	if r.ID != "" {
		c.dedup.purge(now, c.cfg.DedupBytes)
		if known := c.dedup.byKey[key]; known != nil {
			return c.repeated(now, known, r, fx)
		}
	}
	s := c.services.get(r.Service)
	route, fault, code := c.room(now, s, r)
	if fault != "" {
		c.services.tidy(s)
		return c.refuseNew(r, code, fault, fx)
	}
	t := c.admit(now, r)
	if r.ID != "" {
		c.dedup.begin(t, key, r.Hash)
	}
	return c.settleBy(now, t, route, fx)
}

// admit makes a task of a request. It is nowhere yet.
func (c *Core) admit(now time.Duration, r Request) *task {
	t := c.tasks.take()
	t.service, t.message, t.here, t.from = c.services.get(r.Service), r.Message, r.Here, r.Client
	t.service.tasks++
	t.service.arrivals.count++
	t.arrived, t.waitEnd = now, now+c.cfg.QueueTimeout
	if r.Timeout > 0 {
		t.deadline = now + r.Timeout
	}
	return t
}

// refuseNew answers a request that is not taken in with an error.
func (c *Core) refuseNew(r Request, code mesh.Code, reason string, fx []Effect) []Effect {
	c.stats.Refused++
	return append(fx, Effect{Do: Refuse, Task: r.Message, Code: code, Reason: reason})
}

// room finds out whether a new task can be taken in: a draining node, and one
// without room for it in its queue, needs a peer that takes one of the service in
// turn. It returns the way there, or why the task is refused.
func (c *Core) room(now time.Duration, s *service, r Request) (way mesh.Route, fault string, code mesh.Code) {
	if s.idle.head == nil && c.waiting > 0 {
		fault = c.full(r.Client)
	}
	if !c.draining && fault == "" {
		return way, "", 0
	}
	if !r.Here && !c.leaving && (!c.draining || c.last > 0) {
		way = c.route(now, s, nil, cmp.Or(r.Timeout, c.cfg.QueueTimeout))
	}
	switch {
	case way.Peer != nil:
		return way, "", 0
	case c.draining:
		return way, "node " + c.cfg.Name + " is shutting down", mesh.CodeUnavailable
	}
	return way, fault, mesh.CodeQueueFull
}
