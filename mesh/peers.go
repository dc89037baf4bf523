package mesh

import (
	"slices"
	"strings"
	"time"
)

// Peers is what a node knows of the others: one entry a peer, with its newest
// report of each service, what was sent there since, and its own expiry.
// Times are since this node's start.
type Peers struct {
	// Expiry is the silence after which a peer counts as gone.
	Expiry time.Duration
	// RoundTrip is taken for that of a peer until it has been measured.
	RoundTrip time.Duration

	list         []*Peer                // in order of name, so that decisions can be repeated
	byService    map[string][]*peerLoad // the peers' loads, in order of the peers
	nearest      time.Duration          // shortest round trip to a peer; 0: to be found out
	offers, sure []offer                // scratch, as the next
	looked       []*peerLoad
}

// All returns the peers in order of name. The slice is the table's own: it is
// valid until the next change, and not to be changed.
func (ps *Peers) All() []*Peer { return ps.list }

// Find returns the named peer, nil if it is not known.
func (ps *Peers) Find(name string) *Peer {
	if i, ok := ps.search(name); ok {
		return ps.list[i]
	}
	return nil
}

func (ps *Peers) search(name string) (int, bool) {
	return slices.BinarySearchFunc(ps.list, name, func(p *Peer, name string) int { return strings.Compare(p.Name, name) })
}

// PeerView is what is known of a peer, for people and tests.
type PeerView struct {
	Name        string
	Incarnation Incarnation
	Outstanding int // tasks delegated there and not answered yet
	Reachable   bool
	RoundTrip   time.Duration // there and back, smoothed; 0: not measured yet
	Services    []Load        // workers, idle and waiting as last reported
}

// Views returns what is known of the peers that have not left, in order of name.
func (ps *Peers) Views() []PeerView {
	var views []PeerView
	for _, p := range ps.list {
		if p.left {
			continue
		}
		v := PeerView{Name: p.Name, Incarnation: p.Incarnation, Outstanding: p.Outstanding, Reachable: !p.unreachable, RoundTrip: p.roundTrip}
		for _, l := range p.loads {
			v.Services = append(v.Services, Load{Service: l.service, Workers: l.workers, Idle: l.idle, Waiting: l.waiting})
		}
		views = append(views, v)
	}
	return views
}

// Remove forgets a peer.
func (ps *Peers) Remove(p *Peer) {
	ps.list = slices.DeleteFunc(ps.list, func(q *Peer) bool { return q == p })
	ps.forget(p)
}

// forget takes a peer's loads out of the table. Those that hold the peer still
// may count on.
func (ps *Peers) forget(p *Peer) {
	for _, l := range p.loads {
		ps.drop(l)
	}
	ps.nearest, p.peers = 0, nil
}

func (ps *Peers) drop(l *peerLoad) {
	rest := slices.DeleteFunc(ps.byService[l.service], func(m *peerLoad) bool { return m == l })
	if len(rest) == 0 {
		delete(ps.byService, l.service)
	} else {
		ps.byService[l.service] = rest
	}
}

func (ps *Peers) add(l *peerLoad) {
	if ps.byService == nil {
		ps.byService = make(map[string][]*peerLoad)
	}
	loads := ps.byService[l.service]
	i, _ := slices.BinarySearchFunc(loads, l.peer.Name, func(m *peerLoad, name string) int { return strings.Compare(m.peer.Name, name) })
	ps.byService[l.service] = slices.Insert(loads, i, l)
}

// Heard takes any sign of life of a peer and returns its entry. A name that is
// new, or comes with a new incarnation, gets a fresh entry: old is then the one
// it replaces (nil if the name was not known), whose tasks are lost. A straggler
// of an incarnation before, or of one that said goodbye, is no sign of life: then
// p is nil. Two nodes of one name are the exception: when the one that came later
// says goodbye, the other is heard again.
func (ps *Peers) Heard(now time.Duration, name string, incarnation Incarnation) (p, old *Peer) {
	i, ok := ps.search(name)
	if !ok {
		p = &Peer{Name: name, Incarnation: incarnation, heard: now, peers: ps}
		ps.list = slices.Insert(ps.list, i, p)
		ps.nearest = 0
		return p, nil
	}
	old = ps.list[i]
	switch {
	case incarnation == old.Incarnation && !old.left:
		old.heard, old.unreachable = now, false
		return old, nil
	case incarnation == old.Incarnation || !old.left && slices.Contains(old.former[:], incarnation):
		return nil, nil
	}
	ps.forget(old)
	p = &Peer{Name: name, Incarnation: incarnation, heard: now, peers: ps}
	p.former[0] = old.Incarnation
	copy(p.former[1:], old.former[:])
	ps.list[i] = p
	return p, old
}

// Hear counts every peer as heard now: nobody could be, for a time.
func (ps *Peers) Hear(now time.Duration) {
	for _, p := range ps.list {
		p.heard = max(p.heard, now)
	}
}

// Expired returns the peers that have been silent for longer than Expiry, and
// when the next of the others would be.
func (ps *Peers) Expired(now time.Duration) (gone []*Peer, next time.Duration) {
	next = now + ps.Expiry
	for _, p := range ps.list {
		if at := p.heard + ps.Expiry; at <= now {
			gone = append(gone, p)
		} else {
			next = min(next, at)
		}
	}
	return gone, next
}

// Serves reports whether some peer has announced workers for the service.
func (ps *Peers) Serves(service string) bool {
	return slices.ContainsFunc(ps.byService[service], func(l *peerLoad) bool { return !l.peer.left && l.workers > 0 })
}

// Wants reports whether some peer has tasks of the service waiting that others
// may have.
func (ps *Peers) Wants(service string) bool {
	return slices.ContainsFunc(ps.byService[service], func(l *peerLoad) bool { return l.peer.open() && l.excess > 0 })
}

// Received returns the number of the last task that came from each peer that
// sent one; nil if none did.
func (ps *Peers) Received() map[string]uint64 {
	var numbers map[string]uint64
	for _, p := range ps.list {
		if p.received == 0 {
			continue
		}
		if numbers == nil {
			numbers = make(map[string]uint64, len(ps.list))
		}
		numbers[p.Name] = p.received
	}
	return numbers
}

// roundTrip is the time to the peer and back, as far as is known.
func (ps *Peers) roundTrip(p *Peer) time.Duration {
	if p.roundTrip == 0 {
		return ps.RoundTrip
	}
	return p.roundTrip
}

// Nearest is the shortest round trip to a peer.
func (ps *Peers) Nearest() time.Duration {
	if ps.nearest > 0 {
		return ps.nearest
	}
	ps.nearest = ps.RoundTrip
	for i, p := range ps.list {
		if d := ps.roundTrip(p); i == 0 || d < ps.nearest {
			ps.nearest = d
		}
	}
	return ps.nearest
}

// RoundTripTo is the time to the named node and back, as far as is known.
func (ps *Peers) RoundTripTo(name string) time.Duration {
	if p := ps.Find(name); p != nil {
		return ps.roundTrip(p)
	}
	return ps.RoundTrip
}
