package mesh

import (
	"math"
	"time"
)

// Home is what a node knows of one of its own services when it decides where a
// task runs.
type Home struct {
	Workers     int           // that may come free; 0 as well while all hang
	Waiting     int           // tasks in the queue, the one to be placed among them
	Oldest      time.Duration // how long the first of them has waited here
	Still       time.Duration // for how long none was started here while some waited
	Excess      int           // of these: those that peers may have
	Final       bool          // the task to be placed was given back: the next peer queues it in any case
	Full        bool          // there is no room here for the task to be placed
	Lasts       time.Duration // how long the task to be placed may wait, from its arrival on
	ServiceTime time.Duration // mean run time of a task; 0: unknown
	Arrivals    float64       // tasks a second from the node's own clients
	Guests      float64       // tasks a second from peers
}

// Pace is the mean time between the ends of two tasks while every worker is
// busy: what a task waits for each one before it. 0: unknown.
func (h Home) Pace() time.Duration { return pace(h.ServiceTime, h.Workers) }

func pace(serviceTime time.Duration, workers int) time.Duration {
	if workers <= 0 {
		return 0
	}
	return serviceTime / time.Duration(workers)
}

// Spare is how many tasks a second the workers can do beyond those of the
// node's own clients, at least 0, and at most what a report may say; 0 as well while
// the service time is unknown.
func (h Home) Spare() float64 {
	return min(maxCount, max(0, capacity(h.ServiceTime, h.Workers)-h.Arrivals))
}

// capacity is how many tasks a second the workers can do; 0: unknown.
func capacity(serviceTime time.Duration, workers int) float64 {
	if serviceTime <= 0 {
		return 0
	}
	return float64(workers) / serviceTime.Seconds()
}

// load is the part of the workers that so many tasks a second keep busy; infinite
// without workers, 0 while the service time is unknown.
func (h Home) load(tasks float64) float64 {
	switch {
	case h.Workers == 0:
		return math.Inf(1)
	case h.ServiceTime <= 0:
		return 0
	}
	return tasks * float64(h.ServiceTime) / (float64(h.Workers) * float64(time.Second))
}

// Keep is how many of the waiting tasks stay, with a peer that is a round
// trip away; at most those that are started here before the way there and back is
// over. It is the policy improvement of M/M/N without a mesh, as far as that has a
// short form. A task that stays costs those that come after it, too, as long as
// there is a queue: its place in it, times 1/(capacity - arrivals). So the part of
// the places that may be filled is that of the capacity which the node's own
// clients leave; guests count not, for they stay away when there is a queue. To
// that comes what the task costs later than that, less what it would cost the
// peer's tasks: from -0.4 times the root of N, while peers are likely to be idle,
// to 0.6 times it when nobody has a worker to spare. It goes with how many standard
// deviations of the number at work the workers are ahead of it, guests included. A
// node whose own clients send as much as its workers can do keeps none. When the
// first has waited for twice as long as the way takes, its workers take longer than
// they did, and none is kept. (The factors, from simulation: docs/routing.md.)
func (h Home) Keep(roundTrip time.Duration) int {
	if h.ServiceTime <= 0 || h.Workers == 0 || h.Oldest > 2*roundTrip {
		return 0
	}
	n, each := float64(h.Workers), h.load(1)
	own := 1 - h.Arrivals*each
	if own <= 0 {
		return 0
	}
	deviation := math.Sqrt(n)
	ahead := max(0, own-h.Guests*each) * deviation
	way := n * float64(roundTrip) / float64(h.ServiceTime)
	return int(max(0, min(way, keepFactor*own*way+deviation*max(keepLate-keepLate*ahead, keepEarly))))
}

const (
	keepFactor = 1.5
	keepEarly  = -0.4
	keepLate   = 0.6
)

// Wait is how long a task waits here for so many others to be started, one each place.
// Without workers it would for ever: so it joins any queue in which its turn,
// which is by age, comes in half of the time that it has. The other half is for the
// peer's own clients: guests make no queue longer than that.
func (h Home) Wait(tasks int, place time.Duration) time.Duration {
	if h.Workers == 0 {
		return h.Lasts / 2
	}
	return time.Duration(tasks) * place
}

// detour is by how much longer than at a peer, where it waits so long, a task must
// wait here to join the queue there: at most the way there and back, and a part of
// the wait. It is less than the way, for who goes shortens the wait of those behind
// it, and nothing of it if half of the tasks must go anyway; but then what N tasks at
// work differ by from one moment to the next, or queues that are equal would exchange
// tasks. So would long ones, whose lengths change by more than that until the news of
// them arrive: where nobody is idle a task that moves makes no other wait less than it
// makes others wait more, so long queues are even enough if they differ by an eighth. A
// node without workers has no use for a queue, and who finds no room in it no choice.
func (h Home) detour(roundTrip, there time.Duration) time.Duration {
	way := max(0, 1-h.load(h.Arrivals)/2) * float64(roundTrip)
	d := min(roundTrip, time.Duration(way+math.Sqrt(float64(h.Workers))*float64(h.Pace())))
	if h.Workers > 0 && !h.Full {
		d += max(0, there) / evenness
	}
	return d
}

// evenness: by one part in so many of the shorter queue the longer may be longer. Less
// would do where news are never late (docs/routing.md); more costs hot nodes more.
const evenness = 8

// youngest reports whether the youngest waiting task is the one that goes, with a
// peer that is a round trip away. The oldest have waited for their places here, and
// are the next to be started, while who goes pays for the way: so the youngest
// does, as long as a place in the queue costs less than the way. Without workers,
// or with few or slow ones, a place is worth nothing: the oldest goes. So it does
// when none has been started for twice the time of a task and the way: the workers
// may hang. So does one that was given back often enough.
func (h Home) youngest(roundTrip time.Duration) bool {
	p := h.Pace()
	return !h.Final && 0 < p && p <= roundTrip && h.Still <= 2*(roundTrip+h.ServiceTime)
}

// Accepts reports whether a task of a peer is queued here, behind what waits
// already, rather than given back: it is, if it waits here no longer than the
// way back and then at its home.
func (h Home) Accepts(patience, roundTrip time.Duration) bool {
	p := h.Pace()
	return p > 0 && time.Duration(h.Waiting+1)*p <= roundTrip+patience
}
