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
	// Region is the node's own; "": it was not told one, and goes by round trips.
	Region string

	list      []*Peer           // in order of name, so that decisions can be repeated
	byName    map[string]*Peer  // the same
	senders   []*Peer           // of these: those that sent tasks
	byService map[string]served // the peers' loads
	sparse    bool              // more than FullMesh: some of them are no neighbours
	followed  []string          // the neighbours then, in order of name
	changed   bool              // the list, since the neighbours were chosen
	nearest   time.Duration     // shortest round trip to a peer; 0: to be found out
	offers    [ranks][]offer    // scratch
}

// All returns the peers in order of name. The slice is the table's own: it is
// valid until the next change, and not to be changed.
func (ps *Peers) All() []*Peer { return ps.list }

// Find returns the named peer, nil if it is not known.
func (ps *Peers) Find(name string) *Peer { return ps.byName[name] }

// put gives a peer its place in the list, which may be that of another of its name.
func (ps *Peers) put(p *Peer) {
	i, known := slices.BinarySearchFunc(ps.list, p.Name, func(q *Peer, name string) int { return strings.Compare(q.Name, name) })
	if known {
		ps.list[i] = p
	} else {
		ps.list = slices.Insert(ps.list, i, p)
	}
	if ps.byName == nil {
		ps.byName = make(map[string]*Peer)
	}
	ps.byName[p.Name] = p
	ps.nearest, ps.changed = 0, true
}

// PeerView is what is known of a peer, for people and tests.
type PeerView struct {
	Name        string
	Incarnation Incarnation
	Outstanding int // tasks delegated there and not answered yet
	Reachable   bool
	RoundTrip   time.Duration // there and back, smoothed; 0: not measured yet
	Services    []Load        // workers, idle and waiting as last reported

	// Doubted is the services of which it failed task after task, and how many it may
	// have at a time: one, to try it, or none for a while; see Judge.
	Doubted map[string]int
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
			if l.aside > 0 || l.failures >= asideStreak {
				if v.Doubted == nil {
					v.Doubted = make(map[string]int)
				}
				v.Doubted[l.service] = 1
				if l.aside > 0 {
					v.Doubted[l.service] = 0
				}
			}
		}
		views = append(views, v)
	}
	return views
}

// Remove forgets a peer.
func (ps *Peers) Remove(p *Peer) {
	ps.changed = true
	delete(ps.byName, p.Name)
	ps.list = slices.DeleteFunc(ps.list, func(q *Peer) bool { return q == p })
	ps.forget(p)
}

// forget takes a peer out of the table. Those that hold the peer still may count
// on, in a table of its own.
func (ps *Peers) forget(p *Peer) {
	for _, l := range p.loads {
		ps.drop(l)
	}
	ps.senders = slices.DeleteFunc(ps.senders, func(q *Peer) bool { return q == p })
	ps.nearest, p.peers = 0, new(Peers)
}

// Heard takes any sign of life of a peer and returns its entry. A name that is
// new, or comes with a new incarnation, gets a fresh entry: old is then the one
// it replaces (nil if the name was not known), whose tasks are lost. A straggler
// of an incarnation before, or of one that said goodbye, is no sign of life: then
// p is nil. Two nodes of one name are the exception: when the one that came later
// says goodbye, the other is heard again.
func (ps *Peers) Heard(now time.Duration, name string, incarnation Incarnation) (p, old *Peer) {
	old = ps.byName[name]
	switch {
	case old == nil:
		p = &Peer{Name: name, Incarnation: incarnation, heard: now, peers: ps, near: !ps.sparse}
		ps.put(p)
		return p, nil
	case incarnation == old.Incarnation && !old.left:
		old.heard, old.unreachable = now, false
		return old, nil
	case incarnation == old.Incarnation || !old.left && slices.Contains(old.former[:], incarnation):
		return nil, nil
	}
	ps.forget(old)
	p = &Peer{Name: name, Incarnation: incarnation, heard: now, peers: ps, near: old.near}
	p.former[0] = old.Incarnation
	copy(p.former[1:], old.former[:])
	ps.put(p)
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
	for l := range ps.byService[service].all() {
		if !l.peer.left && l.workers > 0 {
			return true
		}
	}
	return false
}

// Wants reports whether some peer that hears this node's news has tasks of the
// service waiting that others may have.
func (ps *Peers) Wants(service string) bool {
	excess, _ := ps.survey(ps.byService[service].near)
	return excess > 0
}

// Received returns the number of the last task that came from each peer that
// sent one; nil if none did.
func (ps *Peers) Received() map[string]uint64 {
	if len(ps.senders) == 0 {
		return nil
	}
	numbers := make(map[string]uint64, len(ps.senders))
	for _, p := range ps.senders {
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

// measured keeps the nearest up to date: looking at all would take long in a large
// mesh, and is needed only if it was this one.
func (ps *Peers) measured(before, after time.Duration) {
	if before == 0 {
		before = ps.RoundTrip
	}
	switch {
	case after > 0 && after <= ps.nearest:
		ps.nearest = after
	case before <= ps.nearest:
		ps.nearest = 0 // to be found out
	}
}

// RoundTripTo is the time to the named node and back, as far as is known.
func (ps *Peers) RoundTripTo(name string) time.Duration {
	if p := ps.Find(name); p != nil {
		return ps.roundTrip(p)
	}
	return ps.RoundTrip
}
