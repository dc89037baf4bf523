package mesh

import (
	"slices"
	"strings"
	"time"
)

// Peer is one other node. Its fields are read by the owner of Peers only.
type Peer struct {
	Name        string
	Incarnation Incarnation
	Outstanding int // tasks delegated there and not answered yet

	former      [4]Incarnation // the ones before, newest first, whose stragglers are ignored
	heard       time.Duration
	sequence    uint64 // of the last full state
	region      string
	draining    bool
	left        bool          // said goodbye; kept until it expires, so that stragglers do not revive it
	near        bool          // a neighbour: it tells of every change; else its heartbeats are all that is heard
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

// State takes a peer's full report, which is meant for this node under the name
// given. Older ones than the last are ignored.
func (p *Peer) State(now time.Duration, s State, name string) {
	if s.Sequence <= p.sequence {
		return
	}
	if s.Leaving || s.Region != p.region {
		p.peers.changed = true
	}
	p.sequence, p.region, p.draining, p.left = s.Sequence, s.Region, s.Draining, s.Leaving
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
		if empty {
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
	p.onWay.arrived(number, func(service string) { p.load(service).arrived() })
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
func (p *Peer) Took(number uint64) {
	if p.received == 0 && number > 0 {
		p.peers.senders = append(p.peers.senders, p)
	}
	p.received = max(p.received, number)
}

// Received returns the number of the last task that came from the peer; 0: none.
func (p *Peer) Received() uint64 { return p.received }

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
	before := p.roundTrip
	switch measured := max(now-p.asked, time.Microsecond); {
	case !p.asking:
	case before == 0:
		p.roundTrip = measured
	default:
		p.roundTrip += (measured - before) / 8
	}
	p.asking = false
	p.peers.measured(before, p.roundTrip)
}

// Free returns how many more tasks of the service the peer could start at once.
func (p *Peer) Free(service string) int {
	l := p.find(service)
	if l == nil || p.draining || !p.open() {
		return 0
	}
	return l.free()
}

// Refused notes that the peer gave a task back, one that waits so long here; anyway says
// that it would have been queued there if there were room. See peerLoad.refused.
func (p *Peer) Refused(now time.Duration, service string, wait time.Duration, anyway bool) {
	if l := p.find(service); l != nil {
		l.refused(now, wait, anyway)
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
		p.peers.add(l)
	}
	return p.loads[i]
}

func (p *Peer) search(service string) (int, bool) {
	return slices.BinarySearchFunc(p.loads, service, func(l *peerLoad, service string) int { return strings.Compare(l.service, service) })
}
