package mesh

import "time"

// Offer is one choice of the routing policy: a peer and how many tasks it
// could start (overflow) or has waiting (pull).
type Offer struct {
	Peer  *Peer
	Tasks int
}

// Overflow returns the peer that a task of the service, which finds no idle
// worker at home, is delegated to; nil if none has a worker to spare. The choice
// is at random, weighted by what each has free after the tasks already sent to
// it: the best looking one would draw every node's overflow at once
// (Mitzenmacher, "How useful is old information?").
func (ps *Peers) Overflow(service string, random uint64) *Peer {
	ps.offer = ps.offer[:0]
	for _, p := range ps.list {
		if l := p.find(service); l != nil && !p.draining && p.open() && l.free() > 0 {
			ps.offer = append(ps.offer, Offer{p, l.free()})
		}
	}
	return weighted(ps.offer, random).Peer
}

// Pull returns the peer that a node with idle workers asks for waiting tasks
// of the service, and how many it asks for: at most idle and at most what waits
// there. The zero Offer says that no peer has any to give.
func (ps *Peers) Pull(now time.Duration, service string, idle int, random uint64) Offer {
	ps.offer = ps.offer[:0]
	if idle <= 0 {
		return Offer{}
	}
	for _, p := range ps.list {
		if l := p.find(service); l != nil && p.open() && l.waiting > 0 && p.pulledUntil <= now {
			ps.offer = append(ps.offer, Offer{p, l.waiting})
		}
	}
	o := weighted(ps.offer, random)
	o.Tasks = min(o.Tasks, idle)
	return o
}

// Free returns how many more tasks of the service the peer could start.
func (p *Peer) Free(service string) int {
	l := p.find(service)
	if l == nil || p.draining || !p.open() {
		return 0
	}
	return l.free()
}

// weighted picks one offer with a probability proportional to its tasks.
func weighted(offers []Offer, random uint64) Offer {
	total := uint64(0)
	for _, o := range offers {
		total += uint64(o.Tasks)
	}
	if total == 0 {
		return Offer{}
	}
	at := random % total
	for _, o := range offers {
		if at < uint64(o.Tasks) {
			return o
		}
		at -= uint64(o.Tasks)
	}
	panic("mesh: offers changed while weighed")
}
