package mesh

import "time"

// farthest is the round trip that is as good as the shortest.
func farthest(shortest time.Duration) time.Duration { return 2*shortest + 500*time.Microsecond }

// distant reports whether there are peers that are nearer: those of this node's
// region, if it was told one, or else those by round trip. One that was not measured
// yet is near.
func (ps *Peers) distant(p *Peer, nearest time.Duration) bool {
	if ps.Region != "" {
		return p.region != ps.Region
	}
	return p.roundTrip > farthest(nearest)
}

// around takes this node and the peers near it for one, with all their workers and
// what waits for them. What other nodes send to a peer counts half: in a region that
// can do its work, as much of it comes back, and in one that cannot it is gone. (The
// half, from simulation: docs/routing.md.)
func (ps *Peers) around(now time.Duration, h Home, loads []*peerLoad, nearest time.Duration) Home {
	all := Home{Waiting: h.Waiting, Oldest: h.Oldest}
	total := capacity(h.ServiceTime, h.Workers)
	if total > 0 {
		all.Workers = h.Workers
	}
	spare := total - h.Arrivals // as it is: below 0 if its clients send more
	for _, l := range loads {
		c := capacity(l.serviceTime, l.workers)
		if c == 0 || l.trusted(1) == 0 || l.peer.draining || !l.peer.open() || ps.distant(l.peer, nearest) {
			continue
		}
		others := max(0, l.demand-l.recent.Value(now))
		total += c
		spare += l.spare - min(l.spare, others)/2
		all.Workers += l.workers
		all.Waiting += l.excess
	}
	if total > 0 {
		all.ServiceTime = time.Duration(float64(all.Workers) / total * float64(time.Second))
		all.Arrivals = max(0, total-spare)
	}
	return all
}
