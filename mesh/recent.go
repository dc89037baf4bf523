package mesh

import (
	"math"
	"time"
)

// Recent counts what happened lately: each event is worth 1 when it happens, and
// fades with a mean of a second. The zero value has counted nothing.
type Recent struct {
	count float64
	at    time.Duration
}

const recentMemory = time.Second

// Add counts one event at time now, which must not go back.
func (r *Recent) Add(now time.Duration) {
	if now-r.at < recentMemory/1024 {
		r.count++ // as of r.at, so that nothing is lost
		return
	}
	*r = Recent{r.Value(now) + 1, now}
}

// Value returns what the events are worth at time now.
func (r Recent) Value(now time.Duration) float64 {
	if r.count == 0 || now-r.at < recentMemory/1024 { // not worth the exponential
		return r.count
	}
	return r.count * math.Exp(-float64(now-r.at)/float64(recentMemory))
}
