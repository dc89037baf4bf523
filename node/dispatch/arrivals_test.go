package dispatch

import (
	"math"
	"testing"
	"time"
)

// The rate is that of what came lately, however often it is asked for: of a rate that
// has changed an eighth is left after twice the memory.
func TestArrivals(t *testing.T) {
	const memory = time.Second
	for _, asked := range []time.Duration{10 * time.Millisecond, memory} {
		var a arrivals
		now := time.Duration(0)
		during := func(d time.Duration, perSecond int) (rate float64) {
			for range d / (10 * time.Millisecond) {
				now += 10 * time.Millisecond
				a.count += perSecond / 100
				if now%asked == 0 {
					rate = a.rate(now, memory)
				}
			}
			return rate
		}
		for _, c := range []struct {
			during    time.Duration
			perSecond int
			want      float64
		}{{20 * memory, 100, 100}, {2 * memory, 0, 100 / (math.E * math.E)}, {20 * memory, 500, 500}, {2 * memory, 100, 100 + 400/(math.E*math.E)}} {
			if got := during(c.during, c.perSecond); math.Abs(got-c.want) > 4 {
				t.Errorf("asked each %v, after %v of %d a second: %v, want %v", asked, c.during, c.perSecond, got, c.want)
			}
		}
	}
}

// The rate goes back over fifty tasks' turns, ten round trips to the nearest peer, and
// 100 ms at least; over a second while there is nothing to go by.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		run             time.Duration
		workers         int
		roundTrip, want time.Duration
	}{
		{0, 10, time.Millisecond, time.Second},
		{time.Second, 0, time.Millisecond, time.Second},
		{time.Second, 10, time.Millisecond, 5 * time.Second},
		{time.Millisecond, 10, time.Millisecond, 100 * time.Millisecond},
		{time.Millisecond, 10, 30 * time.Millisecond, 300 * time.Millisecond},
	} {
		cfg := DefaultConfig()
		cfg.RoundTrip = c.roundTrip
		if got := New(cfg).memory(&service{runTime: float64(c.run), workers: c.workers}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
