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
	for _, policy := range []string{Default, None, Peering3, Global} {
		for _, load := range []float64{0.5, 0.8, 0.9} {
			for _, workers := range []int{1, 5, 20} {
				c := DefaultConfig()
				c.Policy, c.Nodes, c.Workers, c.Load, c.Tasks = policy, 1, workers, load, 400_000
				if policy == Global && workers > 1 {
					c.Nodes, c.Workers = workers, 1
				}
				r := mustRun(t, c)
				waits, mean := erlangC(workers, load)
				got := float64(r.Wait.Mean()) / float64(c.Service.Mean)
				// The error of a mean over correlated waits: about as that of one in
				// 1/(1-load)^2 tasks, and more of them at a smaller load.
				tolerance := 0.03 + 0.1*mean
				if math.Abs(got-mean) > tolerance {
					t.Errorf("%s, %d workers at %v: mean wait %.4f, Erlang C %.4f", policy, workers, load, got, mean)
				}
				if p := r.Wait.Above(0); math.Abs(p-waits) > 0.02 {
					t.Errorf("%s, %d workers at %v: %.4f of the tasks wait, Erlang C %.4f", policy, workers, load, p, waits)
				}
			}
		}
	}
}

// A queue group is M/M/1 at every worker.
func TestQueueGroupIsManyQueues(t *testing.T) {
	c := DefaultConfig()
	c.Policy, c.Nodes, c.Load, c.Delay, c.Tasks = QueueGroup, 4, 0.8, 0, 400_000
	r := mustRun(t, c)
	waits, mean := erlangC(1, 0.8)
	if got := float64(r.Wait.Mean()) / float64(c.Service.Mean); math.Abs(got-mean) > 0.1*mean {
		t.Errorf("mean wait %.3f, want %.3f", got, mean)
	}
	if p := r.Wait.Above(0); math.Abs(p-waits) > 0.02 {
		t.Errorf("%.3f of the tasks wait, want %.3f", p, waits)
	}
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
