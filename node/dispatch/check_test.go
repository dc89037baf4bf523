package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// check returns an error if the parts of a core contradict each other, or one
// of the guarantees that can be seen from inside does not hold. It counts for
// itself whatever the core keeps a count of.
func check(c *Core) error {
	for _, part := range []func(*Core) error{checkTasks, checkWorkers, checkServices, checkQueues, checkRoom, checkPeers, checkDues} {
		if err := part(c); err != nil {
			return err
		}
	}
	return nil
}

func checkTasks(c *Core) error {
	waitingN, awayN, guests, last := 0, 0, 0, 0
	for i, t := range c.tasks.all {
		if t.last {
			last++
		}
		if int(t.slot) != i {
			return fmt.Errorf("task of slot %d at %d", t.slot, i)
		}
		if free := slices.Contains(c.tasks.free, t); free != (t.place == nowhere) {
			return fmt.Errorf("task %d at place %d, free: %v", i, t.place, free)
		}
		if (t.worker != nil) != (t.place == running) || (t.peer != nil) != (t.place == away) || (t.service == nil) != (t.place == nowhere) {
			return fmt.Errorf("task %d at place %d has worker %v, peer %v, service %v", i, t.place, t.worker, t.peer, t.service)
		}
		switch t.place {
		case waiting:
			waitingN++
		case absent:
			waitingN++
		case running:
			if t.worker.task != t {
				return fmt.Errorf("task %d runs on a worker that has another", i)
			}
		case away:
			awayN++
			if t.here { // G3
				return fmt.Errorf("task %d was passed on", i)
			}
			if c.delegated(t.attempt) != t {
				return fmt.Errorf("task %d is not found by its attempt", i)
			}
		}
		if t.guest {
			guests++
			if c.guests[t.attempt] != t || t.place != running && t.place != waiting || !t.here {
				return fmt.Errorf("guest %d at place %d, held: %v", i, t.place, c.guests[t.attempt] == t)
			}
		}
	}
	if len(c.tasks.free) != countFree(c.tasks.all) {
		return fmt.Errorf("a task is free twice")
	}
	if err := checkKept(c); err != nil {
		return err
	}
	if last != c.last {
		return fmt.Errorf("%d tasks from before the drain, not %d", last, c.last)
	}
	if waitingN != c.waiting || awayN != c.away || guests != len(c.guests) {
		return fmt.Errorf("%d waiting, %d away, %d guests; counted %d, %d, %d", c.waiting, c.away, len(c.guests), waitingN, awayN, guests)
	}
	return checkRepeats(c)
}

func checkKept(c *Core) error {
	k, bytes := &c.kept, 0
	for number := k.first; number < k.next; number++ {
		a := k.at(number)
		bytes += a.size
		if number > k.first && k.at(number-1).until > a.until {
			return fmt.Errorf("what is kept is not in order of time")
		}
	}
	held := 0
	for i := range k.ring {
		if k.ring[i] != (keptAnswer{}) {
			held++
		}
	}
	if held != k.n() {
		return fmt.Errorf("%d answers are held, %d are kept", held, k.n())
	}
	if bytes != k.bytes || bytes > keptBytes || k.n() > keptMost {
		return fmt.Errorf("%d answers and %d bytes are kept; counted %d bytes", k.n(), k.bytes, bytes)
	}
	return nil
}

func checkRepeats(c *Core) error {
	joinedN, kept, bytes := 0, 0, 0
	for _, t := range c.tasks.all {
		switch r := t.repeat; {
		case t.place == joined:
			joinedN++
			if r == nil || r.leader == nil || r.leader == t || !slices.Contains(r.joined, t) {
				return fmt.Errorf("task %d has joined %+v", t.slot, r)
			}
		case r != nil && (r.leader != t || c.dedup.byKey[r.key] != r):
			return fmt.Errorf("task %d does not lead %+v", t.slot, r)
		}
	}
	for r := c.dedup.oldest; r != nil; r = r.next {
		kept++
		bytes += r.size
		if r.leader != nil || r.joined != nil || c.dedup.byKey[r.key] != r || r.next == nil && c.dedup.last != r {
			return fmt.Errorf("%+v is kept", r)
		}
		if size, _ := c.inspect(r.reply.Answer); r.size != size+len(r.key.service)+len(r.key.id)+repeatOverhead {
			return fmt.Errorf("%+v counts as %d bytes", r.key, r.size)
		}
	}
	for _, r := range c.dedup.byKey {
		if r.leader != nil {
			kept++
		}
	}
	if joinedN != c.dedup.joined || kept != len(c.dedup.byKey) || bytes != c.dedup.bytes || bytes > c.cfg.DedupBytes {
		return fmt.Errorf("%d joined, %d known, %d bytes; counted %d, %d, %d", c.dedup.joined, len(c.dedup.byKey), c.dedup.bytes, joinedN, kept, bytes)
	}
	return nil
}

func countFree(all []*task) (n int) {
	for _, t := range all {
		if t.place == nowhere {
			n++
		}
	}
	return n
}

func checkWorkers(c *Core) error {
	ws := &c.workers
	used, again := 0, 0
	for i, w := range ws.all {
		if int(w.slot) != i {
			return fmt.Errorf("worker of slot %d at %d", w.slot, i)
		}
		if free := slices.Contains(ws.free, w); free != (w.service == nil) {
			return fmt.Errorf("worker %d with service %v, free: %v", i, w.service, free)
		}
		if w.service == nil {
			continue
		}
		used++
		if w.again != nil {
			again++
		}
		if ws.byInbox[w.id.Inbox] != w {
			return fmt.Errorf("worker %d is not found by its inbox %s", i, w.id.Inbox)
		}
		if w.task != nil && (w.idle() || w.task.worker != w || w.task.service != w.service) { // G1
			return fmt.Errorf("worker %d has a task that is not its own", i)
		}
		if w.idle() && (w.leaving || w.again != nil) {
			return fmt.Errorf("worker %d is idle and about to go", i)
		}
		if (w.aside > 0) != slices.Contains(c.aside, w) || w.aside > 0 && (w.attempt != mesh.Attempt{} || w.aside < c.nextAside) {
			return fmt.Errorf("worker %d is aside until %v, the next is at %v", i, w.aside, c.nextAside)
		}
		if !w.idle() && w.aside == 0 && (ws.holding(w.attempt) != w || w.attempt.Generation != w.generation) {
			return fmt.Errorf("worker %d is not found by its attempt", i)
		}
	}
	for _, s := range c.services.list {
		n := 0
		for _, w := range c.aside {
			if w.service == s {
				n++
			}
		}
		if n != s.aside {
			return fmt.Errorf("service %q has %d of %d workers aside, counted %d", s.name, s.aside, s.workers, n)
		}
	}
	if ws.again != again {
		return fmt.Errorf("%d workers have a READY kept, counted %d", ws.again, again)
	}
	if len(ws.byInbox) != used || len(ws.free) != len(ws.all)-used {
		return fmt.Errorf("%d workers, %d inboxes, %d free of %d", used, len(ws.byInbox), len(ws.free), len(ws.all))
	}
	byClient := 0
	for client, first := range ws.byClient {
		var prev *worker
		for w := first; w != nil; prev, w = w, w.clientNext {
			if w.id.Client != client || w.clientPrev != prev || ws.byInbox[w.id.Inbox] != w {
				return fmt.Errorf("the workers of client %d are not in order", client)
			}
			byClient++
		}
		if first == nil {
			return fmt.Errorf("client %d has no worker", client)
		}
	}
	if byClient != used {
		return fmt.Errorf("%d workers, %d by client", used, byClient)
	}
	return nil
}

func checkRoom(c *Core) error {
	clients, bytes := make(map[string]client), 0
	for _, t := range c.tasks.all {
		if t.place != waiting && t.place != joined && t.place != absent {
			if t.client != nil || t.size != 0 {
				return fmt.Errorf("task %d at place %d counts as waiting", t.slot, t.place)
			}
			continue
		}
		bytes += t.size
		k := clients[t.from]
		clients[t.from] = client{t.from, k.n + 1, k.bytes + t.size}
	}
	for name, k := range clients {
		if got := c.clients[name]; got == nil || *got != k {
			return fmt.Errorf("client %q has %+v waiting; counted %+v", name, got, k)
		}
	}
	if bytes != c.waitingBytes || len(clients) != len(c.clients) {
		return fmt.Errorf("%d bytes of %d clients wait; counted %d and %d", c.waitingBytes, len(c.clients), bytes, len(clients))
	}
	return nil
}

func checkServices(c *Core) error {
	if c.services.byName[""] != c.services.standard || len(c.services.byName) != len(c.services.list) {
		return fmt.Errorf("services: %d by name, %d listed", len(c.services.byName), len(c.services.list))
	}
	if !slices.IsSortedFunc(c.services.list, func(a, b *service) int { return strings.Compare(a.name, b.name) }) {
		return fmt.Errorf("services are not in order")
	}
	for _, s := range c.services.list {
		if c.services.byName[s.name] != s {
			return fmt.Errorf("service %q is not found by name", s.name)
		}
		var counted service
		idle := 0
		for _, w := range c.workers.all {
			if w.service == s {
				counted.workers++
				if w.idle() {
					idle++
				}
			}
		}
		for _, t := range c.tasks.all {
			if t.service == s {
				counted.tasks++
				if t.guest {
					counted.guests++
				}
			}
		}
		if counted.workers != s.workers || counted.tasks != s.tasks || counted.guests != s.guests || idle != s.idle.n {
			return fmt.Errorf("service %q counts %d workers, %d tasks, %d guests, %d idle; there are %d, %d, %d, %d", s.name,
				s.workers, s.tasks, s.guests, s.idle.n, counted.workers, counted.tasks, counted.guests, idle)
		}
		if s != c.services.standard && s.workers == 0 && s.tasks == 0 {
			return fmt.Errorf("service %q is kept for nothing", s.name)
		}
	}
	return nil
}

func checkQueues(c *Core) error {
	for _, s := range c.services.list {
		if s.queue.n > 0 && s.idle.head != nil { // G4
			return fmt.Errorf("service %q has a waiting task and an idle worker", s.name)
		}
		n := 0
		for _, l := range []*line{&s.queue.free, &s.queue.bound} {
			var last *task
			for t := l.head; t != nil; last, t = t, t.next {
				if n++; n > c.waiting || t.place != waiting || t.service != s || t.prev != last || t.here != (l == &s.queue.bound) {
					return fmt.Errorf("the queue of service %q is broken", s.name)
				}
				if last != nil && last.arrived > t.arrived {
					return fmt.Errorf("the queue of service %q is not in order of age", s.name)
				}
			}
			if l.tail != last {
				return fmt.Errorf("a line of the queue of service %q does not end with its last task", s.name)
			}
		}
		if n != s.queue.n {
			return fmt.Errorf("the queue of service %q has %d tasks, not %d", s.name, n, s.queue.n)
		}
		n = 0
		var before *worker
		for w := s.idle.head; w != nil; before, w = w, w.next {
			if n++; n > len(c.workers.all) || !w.idle() || w.service != s || w.prev != before {
				return fmt.Errorf("the idle workers of service %q are broken", s.name)
			}
		}
		if n != s.idle.n || s.idle.tail != before {
			return fmt.Errorf("service %q has %d idle workers, not %d", s.name, n, s.idle.n)
		}
	}
	return nil
}

func checkPeers(c *Core) error {
	outstanding := make(map[*mesh.Peer]int)
	for _, t := range c.tasks.all {
		if t.place == away {
			outstanding[t.peer]++
		}
	}
	for _, p := range c.peers.All() {
		if p.Outstanding != outstanding[p] {
			return fmt.Errorf("peer %s has %d tasks, not %d", p.Name, outstanding[p], p.Outstanding)
		}
		if p.Left() && p.Outstanding > 0 {
			return fmt.Errorf("peer %s left with %d tasks", p.Name, p.Outstanding)
		}
		delete(outstanding, p)
	}
	if len(outstanding) > 0 {
		return fmt.Errorf("tasks are with %d peers that are gone", len(outstanding))
	}
	return nil
}

func checkDues(c *Core) error {
	for i, t := range c.due {
		if t.dueAt != i+1 {
			return fmt.Errorf("task %d is due at index %d, not %d", t.slot, t.dueAt-1, i)
		}
		if i > 0 && c.due[(i-1)/2].due > t.due {
			return fmt.Errorf("the heap is out of order at %d", i)
		}
	}
	for _, t := range c.tasks.all {
		want := t.deadline
		switch {
		case t.place == waiting && want == 0:
			want = t.waitEnd
		case t.place == running && c.cfg.AttemptTimeout > 0:
			if end := t.worker.started + c.cfg.AttemptTimeout; want == 0 || end < want {
				want = end
			}
		}
		got := time.Duration(0)
		if t.dueAt > 0 {
			got = c.due[t.dueAt-1].due
			if c.due[t.dueAt-1] != t {
				return fmt.Errorf("task %d is not where it says in the heap", t.slot)
			}
		}
		if t.place == absent && got > 0 && got <= t.queued+absentMost && (t.deadline == 0 || got <= t.deadline) {
			continue // when it is looked at again; see the model
		}
		if t.place == waiting && t.guest && got > 0 && got <= want {
			continue // when the workers may hang
		}
		if got != want {
			return fmt.Errorf("task %d at place %d is due at %v, not %v", t.slot, t.place, got, want)
		}
	}
	return nil
}
