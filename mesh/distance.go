package mesh

import "time"

// farthest is the round trip that is as good as the shortest.
func farthest(shortest time.Duration) time.Duration { return 2*shortest + 500*time.Microsecond }

// abroad reports whether a peer is in another region than this node, which was told
// its own.
func (ps *Peers) abroad(p *Peer) bool { return ps.Region != "" && p.region != ps.Region }

// distant reports whether a peer is not near: of another region than this node, if
// that was told one, or else beyond what is as good as the nearest; then one that was
// not measured yet is near.
func (ps *Peers) distant(p *Peer, nearest time.Duration) bool {
	if ps.Region != "" {
		return ps.abroad(p)
	}
	return p.roundTrip > farthest(nearest)
}

// around takes this node and the peers near it for one: all their workers, and what
// waits here or may come here from them. Of what other nodes send to a near peer half
// is spare: in a region that can do its work as much of it comes back, and in one that
// cannot it is gone (the half, from simulation: docs/routing.md). To a node without
// workers nothing comes back.
func (ps *Peers) around(now time.Duration, h Home, nearest time.Duration, lists ...[]*peerLoad) Home {
	all := Home{Waiting: h.Waiting, Oldest: h.Oldest}
	total, gone := capacity(h.ServiceTime, h.Workers), 0.5
	if total > 0 {
		all.Workers = h.Workers
	}
	if h.Workers == 0 {
		gone = 1
	}
	spare := total - h.Arrivals // as it is: below 0 if its clients send more
	for _, loads := range lists {
		for _, l := range loads {
			if !l.peer.open() || ps.distant(l.peer, nearest) {
				continue
			}
			all.Waiting += l.excess
			c := capacity(l.serviceTime, l.workers)
			if c == 0 || !l.serves() || l.trusted(1) == 0 {
				continue
			}
			others := max(0, l.demand-l.recent.Value(now))
			total += c
			spare += l.spare - gone*min(l.spare, others)
			all.Workers += l.workers
		}
	}
	if total > 0 {
		all.ServiceTime = time.Duration(float64(all.Workers) / total * float64(time.Second))
		all.Arrivals = max(0, total-spare)
	}
	return all
}
