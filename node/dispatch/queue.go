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

// insert puts a task in its place. A new one goes to the end at once; one that
// comes back from a worker or peer walks past the few older ones.
func (l *line) insert(t *task) {
	if l.tail == nil {
		l.head, l.tail = t, t
		return
	}
	if l.tail.arrived <= t.arrived {
		t.prev, l.tail.next, l.tail = l.tail, t, t
		return
	}
	at := l.head
	for at.arrived <= t.arrived {
		at = at.next
	}
	t.prev, t.next = at.prev, at
	if at.prev == nil {
		l.head = t
	} else {
		at.prev.next = t
	}
	at.prev = t
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
