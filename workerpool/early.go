package workerpool

import (
	"sync"
	"sync/atomic"
	"time"
)

// early holds the last attempts that the node gave up and no worker had begun.
// Some of them never begin: they were answered a moment before.
type early struct {
	some atomic.Int32 // how many there are; while there are none tasks pay no more than a look
	mu   sync.Mutex
	ring [64]givenUp
	next int
}

// givenUp is an attempt that counts no more; without a why there is none.
type givenUp struct {
	attempt string
	why     error
	said    time.Time
}

// earlyFor is how long it is kept. Its task is in an inbox by then, and for a stall
// not read; or it never comes.
const earlyFor = time.Minute

func (e *early) put(attempt string, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ring[e.next].why == nil {
		e.some.Add(1)
	}
	e.ring[e.next] = givenUp{attempt, why, time.Now()}
	e.next = (e.next + 1) % len(e.ring)
}

// take returns why an attempt counts no more, and forgets it; nil: it counts.
func (e *early) take(attempt string) error {
	if e.some.Load() == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var why error
	for i, g := range e.ring {
		switch {
		case g.why == nil:
			continue
		case g.attempt == attempt:
			why = g.why
		case time.Since(g.said) < earlyFor:
			continue
		}
		e.ring[i] = givenUp{}
		e.some.Add(-1)
	}
	return why
}
