package mesh

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"
)

// Home is what a node knows of one of its own services when it decides where a
// task runs.
type Home struct {
	Workers     int
	Waiting     int           // tasks in the queue, the one to be placed among them
	Oldest      time.Duration // how long the first of them has waited here
	Still       time.Duration // for how long none was started here while some waited
	Excess      int           // of these: those that peers may have
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
// node's own clients, at least 0; 0 as well while the service time is unknown.
func (h Home) Spare() float64 { return max(0, capacity(h.ServiceTime, h.Workers)-h.Arrivals) }

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

// detour is by how much longer than at a peer a task must wait here to join the
// queue there: at most the way there and back. It is less of that, for who goes
// shortens the wait of those behind it, and nothing of it if half of the tasks must
// go anyway; but then what N tasks at work differ by from one moment to the next,
// or queues that are equal would exchange tasks.
func (h Home) detour(roundTrip time.Duration) time.Duration {
	way := max(0, 1-h.load(h.Arrivals)/2) * float64(roundTrip)
	return min(roundTrip, time.Duration(way+math.Sqrt(float64(h.Workers))*float64(h.Pace())))
}

// youngest reports whether the youngest waiting task is the one that goes, with a
// peer that is a round trip away. The oldest have waited for their places here, and
// are the next to be started, while who goes pays for the way: so the youngest
// does, as long as a place in the queue costs less than the way. Without workers,
// or with few or slow ones, a place is worth nothing: the oldest goes. So it does
// when none has been started for twice the time of a task and the way: the workers
// may hang.
func (h Home) youngest(roundTrip time.Duration) bool {
	p := h.Pace()
	return 0 < p && p <= roundTrip && h.Still <= 2*(roundTrip+h.ServiceTime)
}

// Accepts reports whether a task of a peer is queued here, behind what waits
// already, rather than given back: it is, if it waits here no longer than the
// way back and then at its home.
func (h Home) Accepts(patience, roundTrip time.Duration) bool {
	p := h.Pace()
	return p > 0 && time.Duration(h.Waiting+1)*p <= roundTrip+patience
}

// Route says where a waiting task goes.
type Route struct {
	Peer     *Peer         // nil: it stays
	Keep     int           // so many of the waiting tasks are to stay
	Patience time.Duration // what it would wait at home
	Youngest bool          // the youngest goes; else the oldest
	Later    bool          // it stays for now, or by chance, and may go if asked again
}

// Overflow decides whether one of the waiting tasks of a service goes to a peer.
//
// It goes to a peer with a slot: an idle worker, by the peer's last report and
// what was sent there since; or else one that is expected to be idle by then. Peers
// are looked at in random order, and of the first two that may have it one gets it,
// by chance, in proportion to its slots. More choice is no better, for the best
// looking one would draw every node's overflow at once (Mitzenmacher, "The power of
// two choices in randomized load balancing", "How useful is old information?"). Of
// near and far ones, it is the near. A part of a slot is taken with that chance.
// Peers of another region than this node's get none while one of its own has a slot,
// and distant ones none of what is done sooner near by.
// If none has a slot, the task joins the queue of the peer where it waits least, if
// it waits longer here by more than the detour.
//
// Neighbours are asked first, whose news are fresh. The others only if none of
// these has a slot, and few of them serve at all, or none of another region.
func (ps *Peers) Overflow(now time.Duration, service string, h Home, random *rand.Rand) Route {
	for i := range ps.offers {
		ps.offers[i] = ps.offers[i][:0]
	}
	s, served := ps.byService[service]
	if !served {
		return Route{}
	}
	r, slot := ps.overflow(now, h, random, s.near, nil)
	if slot || len(s.far) == 0 || ps.nearEnough(s) {
		return r
	}
	far, slot := ps.overflow(now, h, random, s.far, s.near)
	far.Later = far.Later || r.Later
	if slot || r.Peer == nil {
		return far
	}
	return r
}

// overflow is Overflow to one of some peers, beside others that get nothing now; slot
// says whether that one has a slot.
func (ps *Peers) overflow(now time.Duration, h Home, random *rand.Rand, loads, beside []*peerLoad) (r Route, slot bool) {
	var shortest Route
	var least time.Duration
	later := len(loads) > mostLooked
	if later {
		for i := range mostLooked {
			shuffle(loads, i, random)
		}
		loads = loads[:mostLooked]
	}
	excess, nearest := survey(loads)
	if _, d := survey(beside); nearest == 0 || d > 0 && d < nearest {
		nearest = d
	}
	nearest = cmp.Or(nearest, ps.RoundTrip)
	var around Home // with the peers that are near; for those that are not
	var known bool  // whether it was asked for
	for i, found := 0, 0; i < len(loads) && found < choices; i++ {
		l := shuffle(loads, i, random)
		p := l.peer
		if l.workers == 0 || l.trusted(1) == 0 || p.draining || !p.open() {
			continue
		}
		roundTrip := ps.roundTrip(p)
		keep := h.Keep(roundTrip)
		if h.Waiting <= keep {
			later = true
			continue
		}
		if ps.distant(p, nearest) {
			if !known {
				around, known = ps.around(now, h, nearest, loads, beside), true
			}
			if around.Waiting <= around.Keep(roundTrip-nearest) {
				later = true
				continue
			}
		}
		sure, expected := l.slots(now, roundTrip, float64(h.Excess), float64(excess-l.excess))
		if l.stale(now) {
			sure = min(sure, 0)
		}
		chance := random.Float64()
		if sure > chance {
			if rank := ps.offer(offer{p, max(1, sure), roundTrip, keep}, true); rank == ownSure && roundTrip <= farthest(nearest) {
				found++
			}
			continue
		}
		if expected > chance {
			ps.offer(offer{p, max(1, expected), roundTrip, keep}, false)
			continue
		}
		later = later || expected > 0
		there := pace(l.serviceTime, l.workers)
		here := h.Pace()
		if here == 0 { // no worker, or none that has done a task
			here = there
		}
		wait := roundTrip + time.Duration((1-expected)*float64(there))
		if there > 0 && wait-roundTrip+h.detour(roundTrip) < time.Duration(h.Waiting-1)*here && (shortest.Peer == nil || wait < least) {
			shortest, least = Route{Peer: p, Keep: keep, Youngest: h.youngest(roundTrip), Patience: time.Duration(h.Waiting) * here}, wait
		}
	}
	if o, ok := choose(ps.best().of, random); ok {
		return Route{Peer: o.peer, Keep: o.keep, Youngest: h.youngest(o.roundTrip), Patience: time.Duration(h.Waiting) * h.Pace()}, true
	}
	shortest.Later = shortest.Peer == nil && later
	return shortest, false
}

// mostLooked bounds how many peers one decision looks at: the cost of a task does
// not grow with the mesh, and so many are as good as all (docs/routing.md).
const mostLooked = 32

// shuffle puts one of the loads from number i on, by chance, in its place.
func shuffle(loads []*peerLoad, i int, random *rand.Rand) *peerLoad {
	next := i + random.IntN(len(loads)-i)
	loads[i], loads[next] = loads[next], loads[i]
	return loads[i]
}
