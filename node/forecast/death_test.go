package forecast

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// The death of a peer delays what it had, until it is found out, and nothing
// else.
func TestDeathDelaysOnlyWhatThePeerHad(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Workers, c.Load, c.Hot, c.HotFraction, c.Tasks = 6, 50, 0.6, 1.5, 0.17, 400_000
	c.Service, c.Kills = Service{Kind: Deterministic, Mean: ms(10)}, []Change{{6, 5 * time.Second}}
	r := mustRun(t, c)
	if inHand := c.Workers + 20; r.Delayed == 0 || r.Delayed > inHand {
		t.Errorf("%d tasks were delayed, want some of the %d that it had", r.Delayed, inHand)
	}
	core := dispatch.DefaultConfig()
	detection := core.PingInterval + core.DeadAfter + 4*c.Delay
	if longest, most := ms(r.DelayedWaitMS.P999), detection+c.Service.Mean; longest > most {
		t.Errorf("a delayed task waited %v, want at most %v", longest, most)
	}
	if untouched := r.Wait.Count() - uint64(r.Delayed); r.Wait.Above(ms(10)) > 1-float64(untouched)/float64(r.Wait.Count()) {
		t.Errorf("more tasks waited than were delayed: %v of all", r.Wait.Above(ms(10)))
	}
	if after := r.Over[len(r.Over)-1].Wait.Quantile(0.99); after > ms(3) {
		t.Errorf("in the end p99 is %v", after)
	}
}

// The clients of a dead node ask the others, so none is lost with it, and its
// load is theirs.
func TestClientsOfADeadNodeGoElsewhere(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Load, c.Tasks, c.Kills = 2, 0.4, 100_000, []Change{{1, 6 * time.Second}}
	r := mustRun(t, c)
	if r.Utilisation < 0.5 || r.Utilisation > 0.7 {
		t.Errorf("the workers are %.2f busy, want 0.4 before and 0.8 after, of fewer workers", r.Utilisation)
	}
	if r.Delayed == 0 || r.Delayed > c.Workers {
		t.Errorf("%d tasks were delayed, want what ran there", r.Delayed)
	}
}
