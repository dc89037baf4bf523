package node

import "time"

// lookEvery is how often the loop looks for what nothing tells it.
const lookEvery = time.Second

// look looks for what nothing tells the loop.
func (l *loop) look(now time.Duration) {
	l.nextLook = now + lookEvery
	l.checkRelays(now)
	l.sight.look(l.core.Peers(), l.log.Info)
	l.checkPlane()
	if l.lossless.lost() {
		l.log.Error("answers of workers were dropped: the node could not keep up; all tasks in hand run again")
		l.forgetWorkers()
	}
	if len(l.unsent.msgs) > 0 && l.plane.local.IsConnected() { // should that have been missed
		l.answerRest()
	}
	if refused := l.clients.refused.Swap(0); refused > 0 {
		l.complaints.add(now, "requests were refused that the node had no time for", "requests", refused)
	}
	l.census.look()
}
