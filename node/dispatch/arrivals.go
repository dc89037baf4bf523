package dispatch

import (
	"math"
	"time"
)

// arrivals measures how many tasks a second come from the node's own clients,
// as an average that forgets. Counting one costs next to nothing; the average is
// brought up to date when it is asked for.
type arrivals struct {
	count     int // since the average was brought up to date
	folded    time.Duration
	perSecond float64
}

// rate returns the average at time now. Memory is its mean age.
func (a *arrivals) rate(now, memory time.Duration) float64 {
	if since := now - a.folded; since >= memory/8 {
		old := math.Exp(-float64(since) / float64(memory))
		a.perSecond = a.perSecond*old + (1-old)*float64(a.count)/since.Seconds()
		a.count, a.folded = 0, now
	}
	return a.perSecond
}
