package forecast

import "time"

// place is where a task is: in one place at a time.
type place uint8

const (
	waiting place = iota // in a queue, or with its client
	moving               // between two nodes
	running              // on a worker
	done                 // answered
	lost                 // refused, or never answered
	places
)

// task is one request of a client, from its first arrival to its answer.
type task struct {
	id      int32
	origin  int32 // the node that its client asked, last
	place   place
	try     uint32        // counts its ways from its origin: what belongs to an earlier one is void
	at      int32         // the node that has it, or that it is on the way to
	ran     time.Duration // the last time
	service time.Duration // at a node that is not slow
	began   time.Duration // when the client first sent it
	counts  bool          // came after the warm-up
	away    bool          // the last try is at a peer
	delayed bool          // a try of it was lost
}

// move puts a task in another place.
func (w *world) move(t *task, to place) {
	if t.place == running {
		w.meter.busy -= 1
	}
	if to == running {
		w.meter.busy += 1
	}
	w.places[t.place]--
	w.places[to]++
	t.place = to
}
