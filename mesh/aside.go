package mesh

import "time"

// A black hole among peers fails every task of a service at once, or refuses it
// and says in the same breath that it has idle workers: it looks free all the
// time, and would draw the queue. After a streak of failures this node puts it
// aside, for that service. After a while it is tried with one task at a time;
// each failure then doubles the while. A success ends it. At most half of the
// places that serve are aside, home being one: perhaps it is the tasks.
const (
	asideStreak = 5 // failures in a row
	asideFirst  = time.Second
	asideMost   = 10 * time.Second
)

// Judge takes the outcome of a task that the peer had: failed, or done. Home
// says whether there are workers for the service here. It returns when the peer,
// which it puts aside, is to be tried again; 0 if it does not.
func (ps *Peers) Judge(now time.Duration, p *Peer, service string, home, failed bool) (until time.Duration) {
	l := p.find(service)
	switch {
	case l == nil:
		return 0
	case !failed:
		l.failures, l.aside = 0, 0
		return 0
	case l.aside > 0: // one that was sent before
		return 0
	}
	l.failures++
	if l.failures < asideStreak || !ps.spares(service, home) {
		return 0
	}
	l.aside = now + min(asideFirst<<min(l.failures-asideStreak, 10), asideMost)
	return l.aside
}

// spares reports whether one more of the places that serve may be aside.
func (ps *Peers) spares(service string, home bool) bool {
	places, aside := 0, 1
	if home {
		places++
	}
	for l := range ps.byService[service].all() {
		if l.peer.open() && l.workers > 0 {
			places++
			if l.aside > 0 {
				aside++
			}
		}
	}
	return 2*aside <= places
}

// TryAgain takes those in again that were put aside until now. It reports
// whether there are any, and when the next of the others is due.
func (ps *Peers) TryAgain(now time.Duration) (some bool, next time.Duration) {
	next = never
	for _, p := range ps.list {
		for _, l := range p.loads {
			switch {
			case l.aside == 0:
			case l.aside <= now:
				l.aside, some = 0, true
			default:
				next = min(next, l.aside)
			}
		}
	}
	return some, next
}

// Recall has all that are aside tried again at the next look: others have gone,
// and they may be what is left.
func (ps *Peers) Recall(now time.Duration) {
	for _, p := range ps.list {
		for _, l := range p.loads {
			l.aside = min(l.aside, max(now, 1)) // 0 is not aside
		}
	}
}

const never = time.Duration(1<<63 - 1)
