package mesh

import (
	"math"
	"slices"
	"time"
)

// peerLoad is what a node knows of one service at a peer: the newest report,
// and what was sent there since.
type peerLoad struct {
	peer    *Peer
	service string

	report
	heard time.Duration // when it came

	outstanding int    // tasks sent and not answered
	onWay       int    // of these: not in the report yet
	recent      Recent // of those sent

	failures int           // tasks in a row; see Judge
	aside    time.Duration // until when it gets no task; 0: it does
	tried    bool          // after a streak, with a task that has not ended yet

	closed time.Duration // until when its queue gets none; see refused
	wary   bool          // the last task for its queue, or the like, came back
	full   time.Duration // until when there is taken to be no room in its queue
}

// report is the part of a State or Capacity message that concerns one service.
type report struct {
	sequence               uint64
	workers, idle, waiting int
	excess                 int
	serviceTime            time.Duration
	spare, demand          float64 // tasks a second
}

// take takes a report that is newer than the last.
func (l *peerLoad) take(now time.Duration, r report) {
	if r.sequence > l.sequence {
		l.report, l.heard = r, now
	}
}

// trusted is how many tasks the peer may have after its failures: none if it is
// aside, one to try it after a streak, else n.
func (l *peerLoad) trusted(n float64) float64 {
	switch {
	case l.aside > 0 || l.tried:
		return 0
	case l.failures >= asideStreak:
		return min(n, 1)
	}
	return n
}

// serves reports whether the peer has workers and may be sent tasks.
func (l *peerLoad) serves() bool { return l.workers > 0 && !l.peer.draining && l.peer.open() }

// free is how many tasks the peer could start at once, as far as is known.
func (l *peerLoad) free() int {
	return int(l.trusted(float64(max(0, l.idle-l.waiting-l.onWay))))
}

// refused notes that the peer gave back a task that waits so long at home. What is
// known of its queue is wrong then: it is longer, or full, of which nothing is in its
// reports. A node that is short of time knows least, and would spend what it has on
// moving tasks to and fro. So the queue gets none for the part of that wait by which it
// may be longer anyway, then one to try it; for the longest pause if only want of room
// explains it, anyway. Idle workers get tasks all the same.
func (l *peerLoad) refused(now, wait time.Duration, anyway bool) {
	pause := min(wait/evenness, longestPause)
	if anyway {
		pause = longestPause
		l.full = now + pause
	}
	l.wary, l.closed = true, max(l.closed, now+pause)
}

// longestPause is for how long a queue gets no task because one came back.
const longestPause = time.Second

// arrived notes that a task that was on the way has arrived. Should it come back, that
// is told afterwards.
func (l *peerLoad) arrived() {
	l.onWay--
	l.wary = false
}

// joinable reports whether a task may go to the peer's queue. No more are on the way
// there than its workers do in that time and that of a task: more would be no sooner
// done, and if the news were wrong that many would have gone for nothing.
func (l *peerLoad) joinable(now, roundTrip time.Duration) bool {
	switch {
	case l.closed > now:
		return false
	case l.wary:
		return l.onWay == 0
	}
	return float64(l.onWay) < float64(l.workers)*(1+float64(roundTrip)/float64(max(1, l.serviceTime)))
}

// slots is how many more tasks that leave now find a worker when they arrive:
// sure are the idle workers, less the queue there; expected adds what the workers
// will have done by then beyond their own clients' tasks. Of both it is this
// node's part, less what it has on the way. Below zero there is a queue.
//
// What will have been done keeps a far peer busy, as a TCP window does: by its
// idle workers alone each of them would be idle for a round trip. This node's
// part is its share of what all nodes have sent there lately, or have waiting
// (excess: here, others: elsewhere); or all but what the others are likely to
// send, if that is more. The 1 is for a newcomer's first task.
//
// What can have been done is what the peer had in hand by its report, and of what
// came there since only what began a whole task's time before the next arrives. An
// idle peer ends no tasks, however short they are: without that bound it would be
// sent what it could have done since it was heard, and give it back.
func (l *peerLoad) slots(now, roundTrip time.Duration, excess, others float64) (sure, expected float64) {
	age := min(now-l.heard, Interval(l.serviceTime)) // a neighbour would have told of more than that
	window := (age + roundTrip).Seconds()
	mine := l.recent.Value(now)
	theirs := max(0, l.demand-mine)
	mine += excess + 1
	share := mine / (mine + theirs + others)
	likely := math.Floor(others + likelyFactor*window*theirs) // demand is of about a second
	part := func(n float64) float64 {
		if n > 0 {
			n = max(n*share, n-likely)
		}
		return l.trusted(n - float64(l.onWay))
	}
	idle := float64(l.idle - l.waiting)
	done := min(l.spare*window, float64(l.workers)-idle+l.spare*max(0, roundTrip-l.serviceTime).Seconds())
	return part(idle), part(idle + done)
}

// likelyFactor is by how much the others may exceed what they sent lately; from
// simulation.
const likelyFactor = 4

// onWay is the tasks that were sent to a peer and are not in its reports yet, by
// number. One that was lost on the way is in it until the next arrives, or it is
// known to be lost.
type onWay struct {
	first    uint64   // number of the first
	services []string // "\x00" is one that came back meanwhile
}

const cameBack = "\x00"

// sent adds a task and returns its number.
func (w *onWay) sent(service string) (number uint64) {
	if w.first == 0 {
		w.first = 1 // 0 says that nothing has arrived
	}
	w.services = append(w.services, service)
	return w.first + uint64(len(w.services)) - 1
}

// arrived takes those up to the given number away, and calls f for the service
// of each that did not come back meanwhile.
func (w *onWay) arrived(number uint64, f func(service string)) {
	n := 0
	for n < len(w.services) && w.first+uint64(n) <= number {
		if s := w.services[n]; s != cameBack {
			f(s)
		}
		n++
	}
	w.drop(n)
}

// back takes one away that came back, and reports whether it was still there.
func (w *onWay) back(number uint64) bool {
	if number < w.first || number-w.first >= uint64(len(w.services)) {
		return false
	}
	w.services[number-w.first] = cameBack
	if number == w.first { // a peer may never tell what has arrived
		n := slices.IndexFunc(w.services, func(s string) bool { return s != cameBack })
		if n < 0 {
			n = len(w.services)
		}
		w.drop(n)
	}
	return true
}

func (w *onWay) drop(n int) {
	w.services = w.services[:copy(w.services, w.services[n:])]
	w.first += uint64(n)
}
