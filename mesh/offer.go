package mesh

import (
	"math"
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

// weight is an offer's weight in the choice: the root of its slots. With the slots
// themselves, tasks that all take the same time echo: a peer that is sent many at
// once has many workers idle at once when they end, and is sent many again. With
// equal weights, peers with few slots are soon full.
func (o offer) weight() float64 { return math.Sqrt(o.slots) }

// ranks of offers, the best first.
const (
	ownSure     = iota // idle workers in this node's region
	ownExpected        // workers that are expected to be idle in time
	awaySure
	awayExpected
	ranks
)

// offer adds an offer to those of its rank.
func (ps *Peers) offer(o offer, sure bool) {
	rank := ownExpected
	if ps.Region != "" && o.peer.region != ps.Region {
		rank = awayExpected
	}
	if sure {
		rank--
	}
	ps.offers[rank] = append(ps.offers[rank], o)
}

// ranked is the offers of one rank.
type ranked struct {
	of   []offer
	sure bool
}

// best returns the offers of the best rank that has any.
func (ps *Peers) best() ranked {
	for rank, offers := range ps.offers {
		if len(offers) > 0 {
			return ranked{offers, rank == ownSure || rank == awaySure}
		}
	}
	return ranked{}
}

// choose picks one of the nearest offers with a probability proportional to its
// weight.
func choose(offers []offer, random *rand.Rand) (o offer, ok bool) {
	if len(offers) == 0 {
		return offer{}, false
	}
	limit := offers[0].roundTrip
	for _, o := range offers {
		limit = min(limit, o.roundTrip)
	}
	limit = 2*limit + 500*time.Microsecond // so far is as good as near
	var total float64
	for _, o := range offers {
		if o.roundTrip <= limit {
			total += o.weight()
		}
	}
	at := random.Float64() * total
	for _, next := range offers {
		if next.roundTrip <= limit {
			o, at = next, at-next.weight()
			if at < 0 {
				break
			}
		}
	}
	return o, true
}
