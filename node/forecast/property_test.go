package forecast

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the question, every task is answered in the end.
func TestAnyQuestionIsAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig()
		c.Policy = rapid.SampledFrom(Policies()).Draw(t, "policy")
		c.Nodes, c.Workers = rapid.IntRange(1, 40).Draw(t, "nodes"), rapid.IntRange(1, 8).Draw(t, "workers")
		c.Load = rapid.Float64Range(0.1, 2).Draw(t, "load")
		c.Hot, c.HotFraction = rapid.Float64Range(0, 3).Draw(t, "hot"), rapid.Float64Range(0.01, 1).Draw(t, "hot fraction")
		c.Slow, c.SlowFraction = rapid.Float64Range(1, 3).Draw(t, "slow"), rapid.Float64Range(0.01, 1).Draw(t, "slow fraction")
		c.Delay = time.Duration(rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "delay"))
		if c.Regions = rapid.IntRange(1, c.Nodes).Draw(t, "regions"); c.Regions > 1 {
			c.Untold = rapid.Bool().Draw(t, "untold")
			c.Far = 3 * c.Delay
		}
		service := rapid.SampledFrom([]string{"exp:10ms", "det:1us", "lognormal:100ms", "bimodal:1ms,100ms,0.9"}).Draw(t, "service")
		c.Service, _ = ParseService(service)
		c.Arrivals = rapid.SampledFrom(ArrivalKinds()).Draw(t, "arrivals")
		c.Tasks, c.Seed = rapid.IntRange(1, 400).Draw(t, "tasks"), rapid.Uint64().Draw(t, "seed")
		c.Loss = rapid.Float64Range(0, 0.3).Draw(t, "loss")
		if rapid.Bool().Draw(t, "own interval") { // a tiny one takes for ever
			c.Interval = time.Duration(rapid.Int64Range(int64(100*time.Microsecond), int64(time.Second)).Draw(t, "interval"))
		}
		if c.rates() == nil {
			c.Hot = 0
		}
		whole := c.length() // before some clients come later, which makes it longer
		when := func(what string) time.Duration {
			return time.Duration(rapid.Float64Range(0, 0.99).Draw(t, what) * float64(whole))
		}
		changed := rapid.IntRange(0, c.Nodes-1).Draw(t, "deaths and joins")
		for node := 1; node <= changed; node++ { // never the last one
			at := when("change")
			if joins := rapid.Bool().Draw(t, "joins"); joins {
				c.Joins = append(c.Joins, Change{node, at})
				at += when("death of a newcomer")
			}
			if at < whole && rapid.Bool().Draw(t, "dies") {
				c.Kills = append(c.Kills, Change{node, at})
			}
		}
		if faults := c.Faults(); faults != nil {
			t.Fatalf("%q", faults)
		}
		r, err := Run(c)
		if err != nil {
			t.Fatal(err)
		}
		if r.Lost != 0 || int(r.Wait.Count()) != c.Tasks-int(warmUp*float64(c.Tasks)) {
			t.Fatalf("lost %d, counted %d", r.Lost, r.Wait.Count())
		}
	})
}
