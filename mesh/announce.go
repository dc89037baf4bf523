package mesh

import "time"

// MinInterval and MaxInterval bound the interval between two announcements, and
// UnknownInterval is what it is while no service time is known.
const (
	MinInterval     = 5 * time.Millisecond
	UnknownInterval = 20 * time.Millisecond
	MaxInterval     = 200 * time.Millisecond
)

// Interval returns the least time between two announcements of a node whose
// shortest tasks take the given mean time: half of that, within bounds. News that
// are older than half a task say little, and twice as many hardly more
// (docs/routing.md).
func Interval(serviceTime time.Duration) time.Duration {
	if serviceTime <= 0 {
		return UnknownInterval
	}
	return min(max(serviceTime/2, MinInterval), MaxInterval)
}

// Announcer decides when a node announces its state: at once when something
// changed and the last announcement is an interval ago, else when that interval
// ends, or a fifth of it for what others wait for; and as a heartbeat. The
// heartbeat is for all nodes; who else needs to hear of a change is up to the
// caller. Times are since the node's start. The zero value with its two fields
// set is ready, and due.
type Announcer struct {
	Interval  time.Duration // least time between two announcements
	Heartbeat time.Duration // most time between two announcements to all

	beat time.Duration // when the next one to all is due
	next time.Duration // when the next one is due
	last time.Duration
}

// Changed notes at time now that the state is no longer the one announced.
func (a *Announcer) Changed(now time.Duration) {
	a.next = min(a.next, max(now, a.last+a.Interval))
}

// Urgent is Changed for what others wait for: tasks for their idle workers, or a
// worker for their waiting tasks.
func (a *Announcer) Urgent(now time.Duration) {
	a.next = min(a.next, max(now, a.last+a.Interval/5))
}

// Next returns when the next announcement is due.
func (a *Announcer) Next() time.Duration { return a.next }

// ForAll has the next announcement, which is due as after Changed, go to all.
func (a *Announcer) ForAll(now time.Duration) {
	a.beat = min(a.beat, now)
	a.Changed(now)
}

// Beats reports whether an announcement at time now is for all nodes.
func (a *Announcer) Beats(now time.Duration) bool { return a.beat <= now }

// Announced notes that the state as it is at time now was announced, to all or
// to some.
func (a *Announcer) Announced(now time.Duration, toAll bool) {
	if toAll {
		a.beat = now + a.Heartbeat
	}
	a.last, a.next = now, a.beat
}
