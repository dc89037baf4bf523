package dispatch

import (
	"cmp"
	"time"
)

// hangsAt returns from when on the workers of a service seem to hang, if none starts or
// ends a task until then: after a second, for machines pause; twice the time of a task;
// and eight places in the queue, for few workers may all have long ones. (Where one task
// in a hundred takes ten times the mean, one worker hangs no sooner than that.)
func (s *service) hangsAt() time.Duration {
	d := s.serviceTime()
	return s.moved + time.Second + 2*d + 8*d/time.Duration(max(1, s.workers))
}

// hangs reports whether the workers, all of which are busy, seem to hang: nothing shows
// that one will come free. Until one does, the service has none as far as routing goes.
// Before they have done a task there is nothing that they could be slow by.
func (s *service) hangs(now time.Duration) bool {
	return s.workers > 0 && s.idle.n == 0 && s.runs > 0 && now >= s.hangsAt()
}

// leaves returns until when a waiting task stays in the queue, if nothing moves. A
// guest goes when the workers seem to hang, or were still for as long as the queue
// timeout and twice the time of a task: its origin may know of others.
func (c *Core) leaves(t *task) time.Duration {
	until := cmp.Or(t.deadline, t.waitEnd)
	if s := t.service; t.guest {
		until = min(until, s.hangsAt(), s.moved+max(c.cfg.QueueTimeout, 2*s.serviceTime()))
	}
	return until
}
