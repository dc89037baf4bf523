package mesh

import (
	"cmp"
	"math/rand/v2"
	"time"
)

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
// these has a slot, and few of them serve at all; or those of other regions, if none
// of the neighbours that serve is of another.
func (ps *Peers) Overflow(now time.Duration, service string, h Home, random *rand.Rand) Route {
	for i := range ps.offers {
		ps.offers[i] = ps.offers[i][:0]
	}
	s, served := ps.byService[service]
	if !served {
		return Route{}
	}
	r, slot := ps.overflow(now, h, random, s.near, nil)
	if slot {
		return r
	}
	loads := ps.beyond(s)
	if len(loads) == 0 {
		return r
	}
	far, slot := ps.overflow(now, h, random, loads, s.near)
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
	excess, nearest := ps.survey(loads)
	if _, d := ps.survey(beside); nearest == 0 || d > 0 && d < nearest {
		nearest = d
	}
	nearest = cmp.Or(nearest, ps.RoundTrip)
	var around Home // with the peers that are near; for those that are not
	var known bool  // whether that was worked out
	for i, found := 0, 0; i < len(loads) && found < choices; i++ {
		l := shuffle(loads, i, random)
		p := l.peer
		if !l.serves() || l.trusted(1) == 0 {
			continue
		}
		roundTrip := ps.roundTrip(p)
		keep := h.Keep(roundTrip)
		if h.Waiting <= keep {
			later = true
			continue
		}
		if ps.distant(p, nearest) && !h.Final {
			if !known {
				around, known = ps.around(now, h, nearest, loads, beside), true
			}
			if around.Waiting <= around.Keep(roundTrip-nearest) {
				later = true
				continue
			}
		}
		sure, expected := l.slots(now, roundTrip, float64(h.Excess), float64(excess-l.excess))
		if l.full > now { // what comes before a worker is done finds no room
			expected = min(expected, sure)
		}
		if l.stale(now) {
			sure = min(sure, 0)
		}
		chance := random.Float64()
		if sure > chance {
			if rank := ps.offer(offer{p, max(1, sure), roundTrip, keep}, true, h.Final); rank == ownSure && roundTrip <= farthest(nearest) {
				found++
			}
			continue
		}
		if expected > chance {
			ps.offer(offer{p, max(1, expected), roundTrip, keep}, false, h.Final)
			continue
		}
		later = later || expected > 0
		there := pace(l.serviceTime, l.workers)
		here := cmp.Or(h.Pace(), there) // without a worker, or one that has done a task, as there
		wait := time.Duration((1 - expected) * float64(there))
		if there <= 0 || wait+h.detour(roundTrip, wait) >= h.Wait(h.Waiting-1, here) {
			continue
		}
		if !l.joinable(now, roundTrip) {
			later = true
		} else if shortest.Peer == nil || roundTrip+wait < least {
			shortest, least = Route{Peer: p, Keep: keep, Youngest: h.youngest(roundTrip), Patience: h.Wait(h.Waiting, here)}, roundTrip+wait
		}
	}
	offers, _ := ps.best()
	if o, ok := choose(offers, random); ok {
		return Route{Peer: o.peer, Keep: o.keep, Youngest: h.youngest(o.roundTrip), Patience: h.Wait(h.Waiting, h.Pace())}, true
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
