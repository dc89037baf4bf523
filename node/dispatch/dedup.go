package dispatch

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// repeat is a request with an id, under way or answered a while ago. Another
// request of the same service and id is the same task: it joins the one that is
// under way, or gets the kept answer.
type repeat struct {
	key     repeatKey
	hash    uint64  // of the payload
	leader  *task   // that runs; nil: answered
	joined  []*task // requests that wait for the leader's answer
	reply   Effect  // once answered
	size    int
	expires time.Duration
	next    *repeat // among the kept, the one answered next
}

type repeatKey struct{ service, id string }

// dedup knows the requests that had an id. What is kept of answered ones is
// bounded in time and bytes; the oldest go first. Its scope is this node.
type dedup struct {
	byKey        map[repeatKey]*repeat
	oldest, last *repeat // answered ones, in the order of their answers
	bytes        int     // of the answered ones
	joined       int     // tasks that wait for others
}

// repeatOverhead is what keeping one answer costs beside id and answer, about.
const repeatOverhead = 512

// begin notes that a task with an id is under way.
func (d *dedup) begin(t *task, key repeatKey, hash uint64) {
	t.repeat = &repeat{key: key, hash: hash, leader: t}
	d.byKey[key] = t.repeat
}

// keep notes the answer of a task, for whoever asks again.
func (d *dedup) keep(r *repeat, reply Effect, size int, expires time.Duration) {
	r.leader, r.joined, r.reply, r.expires = nil, nil, reply, expires // joined is empty, but holds room for all that there were
	r.reply.Task = nil
	r.size = size + len(r.key.service) + len(r.key.id) + repeatOverhead
	d.bytes += r.size
	if d.last == nil {
		d.oldest = r
	} else {
		d.last.next = r
	}
	d.last = r
}

// purge forgets what was kept for long enough, or for too many bytes.
func (d *dedup) purge(now time.Duration, limit int) {
	for r := d.oldest; r != nil && (r.expires <= now || d.bytes > limit); r = d.oldest {
		d.bytes -= r.size
		delete(d.byKey, r.key)
		if d.oldest = r.next; d.oldest == nil {
			d.last = nil
		}
	}
}

// repeated takes a request whose id is known: it joins, gets the kept answer, or
// is refused because the id belongs to another payload.
func (c *Core) repeated(now time.Duration, r *repeat, q Request, fx []Effect) []Effect {
	c.stats.Repeated++
	if r.hash != q.Hash {
		return c.refuseNew(q, mesh.CodeConflict, "the message id was used for another payload", fx)
	}
	if r.leader == nil {
		c.stats.Answered++
		again := r.reply
		again.Task = q.Message
		return append(fx, again)
	}
	if c.dedup.joined >= c.cfg.QueueLimit {
		return c.refuseNew(q, mesh.CodeQueueFull, "too many requests wait for others of the same id", fx)
	}
	if fault := c.full(q.Client); fault != "" {
		return c.refuseNew(q, mesh.CodeQueueFull, fault, fx)
	}
	t := c.admit(now, q)
	t.place, t.repeat = joined, r
	r.joined = append(r.joined, t)
	c.dedup.joined++
	c.hold(t)
	c.due.set(t, t.deadline)
	if r.leader.place == absent {
		return c.welcome(now, r.leader, fx)
	}
	return fx
}

// answer ends a task with the reply that it got, and with it all that joined it.
// An answer is kept for those that ask again; an error is not.
func (c *Core) answer(now time.Duration, t *task, reply Effect, fx []Effect) []Effect {
	fx = append(fx, reply)
	if r := t.repeat; r != nil {
		for len(r.joined) > 0 {
			follower := r.joined[0]
			also := reply
			also.Task = follower.message
			fx = append(fx, also)
			c.stats.Answered++
			c.end(now, follower)
		}
		t.repeat = nil
		if size, code := c.inspect(reply.Answer); code != 0 {
			delete(c.dedup.byKey, r.key)
		} else {
			c.dedup.keep(r, reply, size, now+c.cfg.DedupWindow)
			c.dedup.purge(now, c.cfg.DedupBytes)
		}
	}
	c.end(now, t)
	return fx
}

// succeed goes on after a task with an id ended without an answer: the first
// request that joined it runs in its place. Where the one waited, until waitEnd, the
// other has waited with it; else waitEnd is 0.
func (c *Core) succeed(now time.Duration, r *repeat, waitEnd time.Duration, fx []Effect) []Effect {
	if len(r.joined) == 0 {
		delete(c.dedup.byKey, r.key)
		return fx
	}
	t := r.joined[0]
	c.takeBack(t)
	r.leader, t.repeat = t, r
	if waitEnd > 0 {
		t.waitEnd = max(t.waitEnd, waitEnd)
	} else {
		t.waitEnd = now + c.cfg.QueueTimeout
	}
	return c.settle(now, t, fx)
}

// unjoin takes a task from those that wait for another.
func (c *Core) unjoin(t *task) {
	r := t.repeat
	if r.joined[0] == t { // as when all are answered
		r.joined[0], r.joined = nil, r.joined[1:]
	} else {
		i := slices.Index(r.joined, t)
		r.joined = slices.Delete(r.joined, i, i+1)
	}
	t.repeat = nil
	c.dedup.joined--
	c.letGo(t)
}

// inspect returns how many bytes keeping an answer costs, and its code if it is
// an error.
func (c *Core) inspect(answer any) (size int, code mesh.Code) {
	if c.cfg.Inspect == nil {
		return 0, 0
	}
	return c.cfg.Inspect(answer)
}
