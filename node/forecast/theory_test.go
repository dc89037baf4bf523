package forecast

import (
	"math"
	"testing"
	"time"
)

// erlangC returns the probability that a task waits in M/M/n at a load, and the
// mean wait in service times.
func erlangC(n int, load float64) (waits, mean float64) {
	offered := load * float64(n)
	b := 1.0 // Erlang B, by recursion over the workers
	for k := 1; k <= n; k++ {
		b = offered * b / (float64(k) + offered*b)
	}
	waits = b / (1 - load*(1-b))
	return waits, waits / (float64(n) * (1 - load))
}

// One queue of exponential tasks is M/M/n, whoever keeps it: the global queue of
// several nodes, and the core of one.
func TestErlangC(t *testing.T) {
	for _, policy := range []string{Default, None, Peering3, Oracle, Global} {
		for _, load := range []float64{0.5, 0.8, 0.9} {
			for _, workers := range []int{1, 5, 20} {
				c := DefaultConfig()
				c.Policy, c.Nodes, c.Workers, c.Load, c.Tasks = policy, 1, workers, load, 200_000
				if policy == Global && workers > 1 {
					c.Nodes, c.Workers = workers, 1
				}
				compareWithErlangC(t, c, workers)
			}
		}
	}
}

// A queue group is M/M/1 at every worker.
func TestQueueGroupIsManyQueues(t *testing.T) {
	c := DefaultConfig()
	c.Policy, c.Nodes, c.Workers, c.Load, c.Delay, c.Tasks = QueueGroup, 4, 10, 0.8, 0, 400_000
	compareWithErlangC(t, c, 1)
}

// compareWithErlangC runs a question and compares mean wait and part of the
// tasks that wait with those of M/M/n, within four standard errors. These are
// estimated from the slices of the run.
func compareWithErlangC(t *testing.T, c Config, n int) {
	t.Helper()
	r := mustRun(t, c)
	waits, mean := erlangC(n, c.Load)
	counted := r.Over[int(warmUp*sliceCount):]
	compare := func(what string, got, want float64, of func(*Histogram) float64) {
		t.Helper()
		sum, squares := 0.0, 0.0
		for i := range counted {
			v := of(&counted[i].Wait)
			sum += v
			squares += v * v
		}
		m := float64(len(counted))
		err := math.Sqrt((squares/m - sum/m*sum/m) / (m - 1))
		if math.Abs(got-want) > 4*err || err > 0.1*want+0.001 {
			t.Errorf("%s, %d workers at %v: %s %.4f ± %.4f, Erlang C %.4f", c.Policy, n, c.Load, what, got, err, want)
		}
	}
	inRuns := func(h *Histogram) float64 { return float64(h.Mean()) / float64(c.Service.Mean) }
	compare("mean wait", inRuns(r.Wait), mean, inRuns)
	part := func(h *Histogram) float64 { return h.Above(0) }
	compare("part that waits", part(r.Wait), waits, part)
}

func mustRun(t *testing.T, c Config) Result {
	t.Helper()
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost > 0 {
		t.Errorf("%s: lost %d", c.Policy, r.Lost)
	}
	return r
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
