package forecast

import (
	"testing"
	"time"
)

// Where nobody has a worker to spare, equal queues exchange next to nothing: what a
// task saves elsewhere others lose there, and all pay for the way. Unequal ones become
// so even that it matters little to a client which node is its own.
func TestOverload(t *testing.T) {
	for _, delay := range []time.Duration{100 * time.Microsecond, ms(2)} {
		for _, hot := range []float64{0, 2} {
			c := DefaultConfig()
			c.Policy, c.Nodes, c.Workers, c.Load, c.Hot, c.HotFraction, c.Delay, c.Tasks = Default, 3, 100, 1.2, hot, 1./3, delay, 100_000
			r := mustRun(t, c)
			if hot == 0 && (r.Delegated > 0.02 || r.NACK > 0.01) {
				t.Errorf("delay %v: %.3f of the tasks are done elsewhere, %.3f given back", delay, r.Delegated, r.NACK)
			}
			if r.NACK > 0.1 {
				t.Errorf("delay %v, hot %v: %.3f of the tasks are given back", delay, hot, r.NACK)
			}
			last := r.Over[sliceCount-1].Wait
			if half, most := last.Quantile(0.5), last.Quantile(0.99); half < 100*time.Millisecond || most > 3*half/2 {
				t.Errorf("delay %v, hot %v: in the end half of the tasks wait for %v, and some for %v", delay, hot, half, most)
			}
		}
	}
}
