package mesh

import "time"

// Announcer decides when a node announces its state: at once when something
// changed and the last announcement is an interval ago, else when that interval
// ends; and as a heartbeat when nothing changes. Times are since the node's
// start. The zero value with its two fields set is ready, and due.
type Announcer struct {
	Interval  time.Duration // least time between two announcements
	Heartbeat time.Duration // most time between two announcements

	next    time.Duration // when the next one is due
	last    time.Duration
	changed bool
}

// Changed notes at time now that the state is no longer the one announced.
func (a *Announcer) Changed(now time.Duration) {
	if !a.changed {
		a.changed = true
		a.next = min(a.next, max(now, a.last+a.Interval))
	}
}

// Next returns when the next announcement is due.
func (a *Announcer) Next() time.Duration { return a.next }

// Announced notes that the state as it is at time now was announced.
func (a *Announcer) Announced(now time.Duration) {
	a.changed, a.last, a.next = false, now, now+a.Heartbeat
}
