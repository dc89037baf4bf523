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
	// RoundTrip is how old a task must be before a report is taken to include
	// it. Until then the task is held against the peer on top of the report.
	RoundTrip time.Duration

	list  []*Peer // in order of name, so that decisions can be repeated
	offer []Offer // scratch
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
	loads       []peerLoad    // in order of service
	pulledUntil time.Duration // a pull is under way until answered or this late
}

// peerLoad is a peer's newest report of one service.
type peerLoad struct {
	service  string
	sequence uint64
	workers  int
	idle     int
	waiting  int
	debits   []time.Duration // when the tasks that the report does not include were sent, oldest first

	failures int           // tasks in a row; see Judge
	aside    time.Duration // until when it gets no task; 0: it does
	tried    bool          // after a streak, with a task that has not ended yet
}

// free is how many tasks the peer could start now, as far as this node knows.
// One that was put aside is tried with a single task.
func (l *peerLoad) free() int {
	n := max(0, l.idle-l.waiting-len(l.debits))
	switch {
	case l.aside > 0 || l.tried:
		return 0
	case l.failures >= asideStreak:
		return min(n, 1)
	}
	return n
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
	Services    []Load // workers, idle and waiting as last reported
}

// Views returns what is known of the peers that have not left, in order of name.
func (ps *Peers) Views() []PeerView {
	var views []PeerView
	for _, p := range ps.list {
		if p.left {
			continue
		}
		v := PeerView{Name: p.Name, Incarnation: p.Incarnation, Outstanding: p.Outstanding, Reachable: !p.unreachable}
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
		p = &Peer{Name: name, Incarnation: incarnation, heard: now}
		ps.list = slices.Insert(ps.list, i, p)
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
	p = &Peer{Name: name, Incarnation: incarnation, heard: now}
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
	return slices.ContainsFunc(ps.list, func(p *Peer) bool {
		l := p.find(service)
		return !p.left && l != nil && l.workers > 0
	})
}

// State takes a peer's full report. Older ones than the last are ignored.
func (p *Peer) State(now, roundTrip time.Duration, s State) {
	if s.Sequence <= p.sequence {
		return
	}
	p.sequence, p.draining, p.left = s.Sequence, s.Draining, s.Leaving
	for _, r := range s.Services {
		p.load(r.Service).report(now, roundTrip, s.Sequence, r.Workers, r.Idle, r.Waiting)
	}
	for i := range p.loads { // those that are not listed any more
		p.loads[i].report(now, roundTrip, s.Sequence, 0, 0, 0)
	}
	p.loads = slices.DeleteFunc(p.loads, func(l peerLoad) bool { return l.workers == 0 && l.waiting == 0 && len(l.debits) == 0 })
}

// Capacity takes a peer's report of one service.
func (p *Peer) Capacity(now, roundTrip time.Duration, c Capacity) {
	if c.Sequence > p.sequence && (len(p.loads) < MaxServices || p.find(c.Service) != nil) {
		p.load(c.Service).report(now, roundTrip, c.Sequence, c.Workers, c.Idle, c.Waiting)
	}
}

func (l *peerLoad) report(now, roundTrip time.Duration, sequence uint64, workers, idle, waiting int) {
	if sequence <= l.sequence {
		return
	}
	l.sequence, l.workers, l.idle, l.waiting = sequence, workers, idle, waiting
	included := 0
	for included < len(l.debits) && l.debits[included]+roundTrip <= now {
		included++
	}
	l.debits = slices.Delete(l.debits, 0, included)
}

// Sent debits a task that was sent to the peer at time now.
func (p *Peer) Sent(now time.Duration, service string) {
	p.Outstanding++
	l := p.load(service)
	l.debits = append(l.debits, now)
	l.tried = l.failures >= asideStreak
}

// Answered takes back the debit of a task that was sent at the given time: it
// was done, refused or lost.
func (p *Peer) Answered(sent time.Duration, service string) {
	p.Outstanding--
	if l := p.find(service); l != nil {
		l.tried = false
		if i := slices.Index(l.debits, sent); i >= 0 {
			l.debits = slices.Delete(l.debits, i, i+1)
		}
	}
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
	if !p.unreachable {
		p.unreachable, p.since = true, now
	}
}

// Pulling notes that the peer was asked for work and that no other pull goes
// there until it has answered, or until the given time.
func (p *Peer) Pulling(until time.Duration) { p.pulledUntil = until }

// PullAnswered ends the wait that Pulling began.
func (p *Peer) PullAnswered() { p.pulledUntil = 0 }

func (p *Peer) find(service string) *peerLoad {
	if i, ok := p.search(service); ok {
		return &p.loads[i]
	}
	return nil
}

func (p *Peer) load(service string) *peerLoad {
	i, ok := p.search(service)
	if !ok {
		p.loads = slices.Insert(p.loads, i, peerLoad{service: service})
	}
	return &p.loads[i]
}

func (p *Peer) search(service string) (int, bool) {
	return slices.BinarySearchFunc(p.loads, service, func(l peerLoad, service string) int { return strings.Compare(l.service, service) })
}
