package dispatch

import "github.com/brokermesh/brokermesh/mesh"

// queue is the waiting tasks of one service. They stand in two lines, each oldest
// first: those that may go to a peer, and those that must run here.
type queue struct {
	free, bound line
	n           int
}

func (q *queue) line(t *task) *line {
	if t.here {
		return &q.bound
	}
	return &q.free
}

func (q *queue) insert(t *task) {
	q.n++
	q.line(t).insert(t)
}

func (q *queue) remove(t *task) {
	q.n--
	q.line(t).remove(t)
}

// oldest returns the task that has the next idle worker; nil if none waits.
func (q *queue) oldest() *task {
	free, bound := q.free.head, q.bound.head
	if free == nil || bound != nil && bound.arrived <= free.arrived {
		return bound
	}
	return free
}

// leaves returns the task that goes by a route to a peer; nil if all must stay.
func (q *queue) leaves(r mesh.Route) *task {
	if r.Youngest {
		return q.free.tail
	}
	return q.free.head
}

// line is tasks by age, the oldest first.
type line struct{ head, tail *task }

// insert puts a task in its place. A new one goes to the end at once. One that
// comes back from a worker or peer is among the oldest, a guest, or one that a
// peer did not want, among the youngest: so it is looked for from both ends.
func (l *line) insert(t *task) {
	if l.tail == nil {
		l.head, l.tail = t, t
		return
	}
	before, after := l.tail, l.head // the task is behind the one, or ahead of the other
	for before.arrived > t.arrived {
		if after.arrived > t.arrived {
			before = after.prev
			break
		}
		before, after = before.prev, after.next
	}
	if t.prev = before; before == nil {
		t.next, l.head = l.head, t
	} else {
		t.next, before.next = before.next, t
	}
	if t.next == nil {
		l.tail = t
	} else {
		t.next.prev = t
	}
}

func (l *line) remove(t *task) {
	if t.prev == nil {
		l.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}
