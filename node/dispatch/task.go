package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// place is where a task is; it is in one place at a time.
type place uint8

const (
	nowhere place = iota // not in use
	waiting              // in its service's queue
	running              // with a worker here
	away                 // with a peer
	absent               // out of line, since its client has gone
	joined               // with another task of the same id, whose answer it gets
)

// task is one request from its arrival to its answer. Its slot is used again.
type task struct {
	slot       uint32
	generation uint32
	place      place
	here       bool // must run here: a guest, or sent to this node by name
	guest      bool
	last       bool   // was here when the drain began
	origin     string // of a guest: the peer that sent it
	originRun  mesh.Incarnation
	losses     int
	sends      int // times it was delegated
	service    *service
	message    any
	noted      uint64 // its number among the tasks of the decisions; 0: none is about it
	from       string // its client; of a guest its origin

	arrived  time.Duration // at its origin: the age orders the queue
	queued   time.Duration // while waiting or absent: since when
	deadline time.Duration // the client's own; 0: none
	waitEnd  time.Duration // while waiting without a deadline: when it is refused

	size   int     // while waiting, absent or joined: in bytes
	client *client // the same

	worker *worker // while running

	peer   *mesh.Peer    // while away
	number uint64        // while away: of the delegation, for its peer
	sent   time.Duration // while away: when it was delegated

	repeat *repeat // of a task with an id

	attempt mesh.Attempt // away: the delegation; guest: the origin's own

	prev, next *task // in its line of the queue, while waiting
	due        time.Duration
	dueAt      int // index in the due heap plus one; 0: not in it
}

// final reports whether the next peer that the task is sent to queues it, however
// long it may have to wait there.
func (t *task) final() bool { return t.sends >= maxSends-1 }

// lasts returns how long the task may wait, from its arrival on.
func (t *task) lasts() time.Duration { return cmp.Or(t.deadline, t.waitEnd) - t.arrived }

func (t *task) left(now time.Duration) time.Duration {
	if t.deadline == 0 {
		return 0
	}
	return max(t.deadline-now, time.Nanosecond)
}

// tasks holds every task of the node, by slot.
type tasks struct {
	all  []*task
	free []*task
}

func (ts *tasks) take() *task {
	if n := len(ts.free); n > 0 {
		t := ts.free[n-1]
		ts.free = ts.free[:n-1]
		return t
	}
	t := &task{slot: uint32(len(ts.all))}
	ts.all = append(ts.all, t)
	return t
}

// release makes the slot free for another task. The generation goes on, so
// that a late answer to this one hits nothing.
func (ts *tasks) release(t *task) {
	*t = task{slot: t.slot, generation: t.generation}
	ts.free = append(ts.free, t)
}

// sortByAge puts tasks that came back in the order in which they go on.
func sortByAge(tasks []*task) {
	slices.SortStableFunc(tasks, func(a, b *task) int { return cmp.Compare(a.arrived, b.arrived) })
}
