package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Ready is a worker's word that it holds no task.
type Ready struct {
	ID      WorkerID
	Service string
	Name    string        // for people; "": the inbox
	Cancel  string        // where it wants to be told that its task counts no more; "": nowhere
	Said    time.Duration // when it came; finding out the connection takes its time
}

// Ready takes a worker in, as idle. Of a worker that has a task in hand it is
// ignored; under another connection it is kept until the fate of the task is
// known. It frees a stuck worker, unless it was said before that one got the
// task. An idle worker keeps its place in line.
func (c *Core) Ready(now time.Duration, r Ready, fx []Effect) []Effect {
	w := c.workers.byInbox[r.ID.Inbox]
	if w != nil && w.task != nil {
		if w.id.Client != r.ID.Client {
			again := r // r itself would move to the heap in every call
			c.workers.back(w, &again)
		}
		return fx
	}
	if w != nil && !w.idle() && w.id == r.ID && r.Said < w.started {
		return fx
	}
	s := c.services.get(r.Service)
	if w != nil && (w.idle() || w.aside > 0) && w.id == r.ID && w.service == s && !w.leaving {
		w.cancel = r.Cancel
		return fx
	}
	s.workers++ // before the old entry goes, so that the service stays
	if w != nil {
		c.dismiss(now, w)
	}
	w = c.workers.add(r.ID)
	w.service, w.name, w.cancel, w.since = s, r.Name, r.Cancel, now
	if w.name == "" {
		w.name = r.ID.Inbox
	}
	return c.release(now, w, fx)
}

// release makes a worker idle and finds it work.
func (c *Core) release(now time.Duration, w *worker, fx []Effect) []Effect {
	w.attempt, w.task = mesh.Attempt{}, nil
	w.service.idle.push(w)
	c.changed(now)
	return c.feed(now, w.service, fx)
}

// dismiss forgets a worker that has no task.
func (c *Core) dismiss(now time.Duration, w *worker) {
	s := w.service
	if w.idle() {
		s.idle.remove(w)
	}
	c.takeIn(w)
	s.workers--
	if s.workers == 0 {
		c.recall(now)
	}
	c.notAllAside(now, s)
	c.workers.remove(w)
	c.services.tidy(s)
	c.changed(now)
}

// Leave takes the polite end of a worker: it gets no new task, and keeps the
// one in hand. It reports whether the inbox is a worker's.
func (c *Core) Leave(now time.Duration, inbox string) bool {
	w := c.workers.byInbox[inbox]
	if w == nil {
		return false
	}
	if w.task == nil {
		c.dismiss(now, w)
	} else {
		w.leaving = true
		c.workers.back(w, nil)
	}
	return true
}

// Audit takes a list of the inboxes that are subscribed to, as it was at time
// began. A worker that was known by then and is not on it has left without a
// word: as with Leave, it gets no new task and keeps the one in hand, for it may
// yet answer. It returns how many there are.
func (c *Core) Audit(now, began time.Duration, holds func(inbox string) bool) (gone int) {
	for _, w := range c.workers.all {
		if w.service != nil && w.since < began && !w.leaving && w.again == nil && !holds(w.id.Inbox) {
			c.Leave(now, w.id.Inbox)
			gone++
		}
	}
	return gone
}

// Awaits reports whether a worker has yet to answer an attempt, be it one that was
// given up: then what it says counts no more, but is what it was asked to say.
func (c *Core) Awaits(a mesh.Attempt) bool { return c.workers.holding(a) != nil }

// Done takes a worker's answer. The worker is idle again, whatever the answer
// is; the answer counts only if its attempt still does.
func (c *Core) Done(now time.Duration, a mesh.Attempt, answer any, fx []Effect) []Effect {
	w := c.workers.holding(a)
	if w == nil {
		c.stats.Fenced++
		return fx
	}
	if t := w.task; t != nil {
		w.service.ran(now, now-w.started)
		size, code := c.inspect(answer)
		reply := Effect{Do: Reply, Guest: t.guest, To: t.origin, Task: t.message, Answer: answer, Attempt: a, Worker: w.name, Service: t.service.name}
		if t.guest {
			c.stats.GuestsDone++
			c.keep(now, t.attempt, reply, size)
		} else {
			c.stats.Answered++
		}
		fx = c.answer(now, t, reply, fx)
		if w.again == nil && !w.leaving && c.judge(now, w, code) {
			return fx
		}
	} else {
		c.stats.Fenced++
	}
	return c.freed(now, w, fx)
}

// freed decides what a worker does that holds no task any more.
func (c *Core) freed(now time.Duration, w *worker, fx []Effect) []Effect {
	switch again := w.again; {
	case again != nil: // even of one that is leaving: it came after that
		return c.Ready(now, *again, fx)
	case w.leaving:
		c.dismiss(now, w)
		return fx
	}
	return c.release(now, w, fx)
}

// Undelivered takes the server's word that a dispatch found no subscriber: the
// worker is gone, the task goes elsewhere and was not harmed.
func (c *Core) Undelivered(now time.Duration, a mesh.Attempt, fx []Effect) []Effect {
	w := c.workers.holding(a)
	if w == nil {
		return fx
	}
	c.stats.Undelivered++
	t, again := c.depart(now, w)
	if t != nil {
		fx = c.again(now, t, fx)
	}
	if again != nil {
		fx = c.Ready(now, *again, fx)
	}
	return fx
}

// Ending takes the word that a connection ends, whose last answers may still be
// on their way: its workers get no new task. Disconnected follows.
func (c *Core) Ending(now time.Duration, client uint64) {
	c.workers.notBack(client)
	for w := c.workers.byClient[client]; w != nil; {
		next := w.clientNext
		if w.task == nil {
			c.dismiss(now, w)
		} else {
			w.leaving = true
		}
		w = next
	}
}

// Disconnected takes the end of a connection: its workers are gone, which counts
// against the tasks they had in hand.
func (c *Core) Disconnected(now time.Duration, client uint64, fx []Effect) []Effect {
	c.workers.notBack(client)
	var gone []*worker
	for w := c.workers.byClient[client]; w != nil; w = w.clientNext {
		gone = append(gone, w)
	}
	tasks, back := c.departAll(now, gone)
	for _, t := range tasks {
		fx = c.lost(now, t, fx)
	}
	for _, r := range back {
		fx = c.Ready(now, *r, fx)
	}
	return fx
}

// AllDisconnected takes the end of the node's own connection to its workers, or
// word that some of what they said was dropped: what they answered is lost, and so
// is word of those that went. All of them are forgotten, and the tasks in hand run
// again, which counts against none of them; READY brings the workers back.
func (c *Core) AllDisconnected(now time.Duration, fx []Effect) []Effect {
	var all []*worker
	for _, w := range c.workers.all {
		if w.service != nil { // the slot is in use
			all = append(all, w)
		}
	}
	tasks, _ := c.departAll(now, all)
	for _, t := range tasks {
		c.stats.Lost++
		t.waitEnd = now + c.cfg.QueueTimeout
		fx = c.again(now, t, fx)
	}
	return fx
}

// departAll forgets workers. All of them go first, so that no task moves from one
// to the next; it returns the tasks in the order of their age, and who is back.
func (c *Core) departAll(now time.Duration, gone []*worker) (tasks []*task, back []*Ready) {
	for _, w := range gone {
		t, again := c.depart(now, w)
		if t != nil {
			tasks = append(tasks, t)
		}
		if again != nil {
			back = append(back, again)
		}
	}
	sortByAge(tasks)
	return tasks, back
}

// depart forgets a worker whose connection or subscription is gone. It returns
// the task that was in hand, which is nowhere now, and the worker's READY under
// another connection, if it is already back.
func (c *Core) depart(now time.Duration, w *worker) (t *task, again *Ready) {
	t, again = w.task, w.again
	if t != nil {
		c.takeBack(t)
	}
	c.dismiss(now, w)
	return t, again
}
