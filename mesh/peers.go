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

// Peer is one other node. Its fields are read by the owner of Peers only.
type Peer struct {
	Name        string
	Incarnation Incarnation
	Outstanding int // tasks delegated there and not answered yet

	former      [4]Incarnation // the ones before, newest first, whose stragglers are ignored
	heard       time.Duration
	sequence    uint64 // of the last full state
	draining    bool
	left        bool          // said goodbye; kept until it expires, so that stragglers do not revive it
	unreachable bool          // a message to it found no subscriber; until it is heard again
	since       time.Duration // when the first such message did
	loads       []*peerLoad   // in order of service
	peers       *Peers        // that it is one of
	onWay       onWay         // tasks sent
	received    uint64        // number of the last task that came from the peer
	asked       time.Duration // when the question was sent whose answer is awaited
	asking      bool
	roundTrip   time.Duration // to the peer and back, smoothed; 0: not measured
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

// State takes a peer's full report, which is meant for this node under the name
// given. Older ones than the last are ignored.
func (p *Peer) State(now time.Duration, s State, name string) {
	if s.Sequence <= p.sequence {
		return
	}
	p.sequence, p.draining, p.left = s.Sequence, s.Draining, s.Leaving
	for _, r := range s.Services {
		p.load(r.Service).take(now, report{
			s.Sequence, r.Workers, r.Idle, r.Waiting, r.Excess,
			time.Duration(r.ServiceMS * float64(time.Millisecond)), r.Spare, r.Demand,
		})
	}
	p.arrived(s.Received[name])
	for _, l := range p.loads { // those that are not listed any more
		l.take(now, report{sequence: s.Sequence})
	}
	p.loads = slices.DeleteFunc(p.loads, func(l *peerLoad) bool {
		empty := l.workers == 0 && l.waiting == 0 && l.outstanding == 0
		if empty && p.peers != nil {
			p.peers.drop(l)
		}
		return empty
	})
}

// Capacity takes a peer's report of one service.
func (p *Peer) Capacity(now time.Duration, c Capacity) {
	if c.Sequence > p.sequence && (len(p.loads) < MaxServices || p.find(c.Service) != nil) {
		p.load(c.Service).take(now, report{c.Sequence, c.Workers, c.Idle, c.Waiting, c.Excess, c.ServiceTime, c.Spare, c.Demand})
	}
	p.arrived(c.Received)
}

// arrived takes the peer's word that our tasks up to the number have arrived:
// its reports include them. An older report than the last may say so as well.
func (p *Peer) arrived(number uint64) {
	p.onWay.arrived(number, func(service string) { p.load(service).onWay-- })
}

// Sent counts a task that is sent to the peer at time now, and returns its
// number among all that were.
func (p *Peer) Sent(now time.Duration, service string) (number uint64) {
	p.Outstanding++
	l := p.load(service)
	l.tried = l.failures >= asideStreak
	l.outstanding++
	l.onWay++
	l.recent.Add(now)
	return p.onWay.sent(service)
}

// Answered takes a task off the count: it was done, refused or lost.
func (p *Peer) Answered(service string, number uint64) {
	p.Outstanding--
	l := p.load(service)
	l.tried = false
	l.outstanding--
	if p.onWay.back(number) {
		l.onWay--
	}
}

// Took notes the number of a task that came from the peer.
func (p *Peer) Took(number uint64) { p.received = max(p.received, number) }

// Received returns the number of the last task that came from the peer; 0: none.
func (p *Peer) Received() uint64 { return p.received }

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

// Asked notes that a question was sent, whose answer will tell the round trip.
func (p *Peer) Asked(now time.Duration) {
	if !p.asking || p.asked+longestAnswer <= now { // an answer may be lost
		p.asking, p.asked = true, now
	}
}

// longestAnswer is for how long the answer to a question is awaited.
const longestAnswer = time.Second

// Told takes the answer to the question that Asked noted: the round trip is
// measured by it, as an average that forgets (RFC 6298).
func (p *Peer) Told(now time.Duration) {
	switch measured := max(now-p.asked, time.Microsecond); {
	case !p.asking:
	case p.roundTrip == 0:
		p.roundTrip = measured
	default:
		p.roundTrip += (measured - p.roundTrip) / 8
	}
	p.asking = false
	if p.peers != nil {
		p.peers.nearest = 0
	}
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

// Free returns how many more tasks of the service the peer could start at once.
func (p *Peer) Free(service string) int {
	l := p.find(service)
	if l == nil || p.draining || !p.open() {
		return 0
	}
	return l.free()
}

// Left reports whether the peer said goodbye. It gets no more tasks, and nothing
// that still arrives from this incarnation counts.
func (p *Peer) Left() bool { return p.left }

// open reports whether the peer may be sent tasks or asked for some.
func (p *Peer) open() bool { return !p.left && !p.unreachable }

// UnreachableSince returns since when messages to the peer find no subscriber.
func (p *Peer) UnreachableSince() (since time.Duration, unreachable bool) {
	return p.since, p.unreachable
}

// Unreachable notes that a message to the peer found no subscriber: it gets no
// task until it is heard again.
func (p *Peer) Unreachable(now time.Duration) {
	p.asking = false
	if !p.unreachable {
		p.unreachable, p.since = true, now
	}
}

func (p *Peer) find(service string) *peerLoad {
	if i, ok := p.search(service); ok {
		return p.loads[i]
	}
	return nil
}

func (p *Peer) load(service string) *peerLoad {
	i, ok := p.search(service)
	if !ok {
		l := &peerLoad{peer: p, service: service}
		p.loads = slices.Insert(p.loads, i, l)
		if p.peers != nil {
			p.peers.add(l)
		}
	}
	return p.loads[i]
}

func (p *Peer) search(service string) (int, bool) {
	return slices.BinarySearchFunc(p.loads, service, func(l *peerLoad, service string) int { return strings.Compare(l.service, service) })
}
