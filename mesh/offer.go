package mesh

import (
	"math/rand/v2"
	"time"
)

// offer is a peer that a task may be sent to.
type offer struct {
	peer      *Peer
	slots     float64
	roundTrip time.Duration
	keep      int
}

// ranks of offers, the best first.
const (
	ownSure     = iota // idle workers in this node's region
	ownExpected        // workers that are expected to be idle in time
	awaySure
	awayExpected
	ranks
)

// offer adds an offer to those of its rank. For a task that the next peer queues
// in any case an idle worker is as good as one of its own region.
func (ps *Peers) offer(o offer, sure, final bool) (rank int) {
	rank = ownExpected
	if ps.abroad(o.peer) && (!sure || !final) {
		rank = awayExpected
	}
	if sure {
		rank--
	}
	ps.offers[rank] = append(ps.offers[rank], o)
	return rank
}

// best returns the offers of the best rank that has any; sure is of idle workers.
func (ps *Peers) best() (offers []offer, sure bool) {
	for rank, offers := range ps.offers {
		if len(offers) > 0 {
			return offers, rank == ownSure || rank == awaySure
		}
	}
	return nil, false
}

// choices is among how many peers the one that gets a task is chosen.
const choices = 2

// choose picks one of the first near offers, which are in random order, with a
// probability proportional to its slots.
func choose(offers []offer, random *rand.Rand) (o offer, ok bool) {
	if len(offers) == 0 {
		return offer{}, false
	}
	nearest := offers[0].roundTrip
	for _, o := range offers {
		nearest = min(nearest, o.roundTrip)
	}
	total, found := 0.0, 0
	for _, next := range offers {
		if next.roundTrip > farthest(nearest) {
			continue
		}
		if total += next.slots; random.Float64()*total < next.slots {
			o = next
		}
		if found++; found == choices {
			break
		}
	}
	return o, true
}
