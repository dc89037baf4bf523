package main

import (
	"fmt"
	"strings"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// target is what the policy is meant to reach in some of the cells.
type target struct {
	text    string
	applies func(answer) bool
	// missed returns how a cell fails, "" if it does not.
	missed func(answer) string
}

// step is how far two quantiles may be apart that are the same: they are counted in
// buckets.
const step = 1.01

func targets() []target {
	possible := func(a answer) bool { return !a.overloaded() }
	return []target{
		{
			"**Near the bound**: p99 at most 2.0 of the bound, in every cell with at least 100 workers a node, an interval of at most half a service time and a load of at most 0.98 (the worst of three seeds)",
			answer.bounded, above(2.0),
		},
		{
			"**The moonshot**: p99 at most 1.1 of the bound, in every cell with 20 workers a node or more, hot nodes at 2, a load of at most 0.95, a delay of 0.002 to 2 service times, up to 1,000 nodes (the worst of three seeds)",
			answer.moonshot, above(1.1),
		},
		{
			"Less than 1 % of the tasks given back, in those cells", answer.moonshot,
			func(a answer) string {
				if r, _ := a.worst(); r.NACK >= 0.01 {
					return percent(r.NACK)
				}
				return ""
			},
		},
		{
			"Less than 1,000 control messages a node and second, in those cells (pings, questions, tasks given back; state apart)", answer.moonshot,
			func(a answer) string {
				if r, _ := a.worst(); r.ControlMsgs >= 1000 {
					return fmt.Sprintf("%.0f", r.ControlMsgs)
				}
				return ""
			},
		},
		{
			"**No worse than no mesh** under even load, at any distance: mean wait at most 1.05 of that without a mesh and 0.01 service times", answer.even,
			func(a answer) string {
				mesh, alone := a.first(forecast.Default).WaitMS.Mean, a.first(forecast.None).WaitMS.Mean
				if mesh > 1.05*alone+0.01*a.mean().Seconds()*1000 {
					return fmt.Sprintf("%s ms, alone %s", digits(mesh), digits(alone))
				}
				return ""
			},
		},
		{
			"**Bounded queues** for any delay: tasks do not wait half as long again in the last third of a run as in the second, or less than a service time",
			func(a answer) bool { return a.Arrivals == forecast.Poisson && !a.overloaded() },
			func(a answer) string {
				if r := a.first(forecast.Default); growth(r) > 1.5 && r.WaitMS.Mean > a.mean().Seconds()*1000 {
					return fmt.Sprintf("%.2f times", growth(r))
				}
				return ""
			},
		},
		{"**Better than `peering3`**: p99 no higher, in every cell in which all can be done", possible, worseThan(forecast.Peering3)},
		{"**Better than `queue-group`**: p99 no higher, in every cell in which all can be done", possible, worseThan(forecast.QueueGroup)},
		{
			"**No way for nothing**: where more comes than all can do, and evenly, less than 5 % of the tasks are done at a peer",
			func(a answer) bool { return a.overloaded() && a.even() },
			func(a answer) string {
				if r := a.first(forecast.Default); r.Delegated >= 0.05 {
					return percent(r.Delegated)
				}
				return ""
			},
		},
		{
			"**No node left behind**: where more comes than all can do, p99 is at most 1.125 of the bound, by as much as queues may be uneven",
			answer.overloaded, above(1.125),
		},
	}
}

func above(limit float64) func(answer) string {
	return func(a answer) string {
		if _, ratio := a.worst(); ratio > limit {
			oracle := a.first(forecast.Oracle).WaitMS.P99 / a.bound(0)
			return fmt.Sprintf("%.2f, oracle %.2f", ratio, oracle)
		}
		return ""
	}
}

func worseThan(policy string) func(answer) string {
	return func(a answer) string {
		mine, theirs := a.first(forecast.Default).WaitMS.P99, a.first(policy).WaitMS.P99
		if mine > theirs*step {
			return fmt.Sprintf("%s ms, there %s; mean %s, there %s", digits(mine), digits(theirs),
				digits(a.first(forecast.Default).WaitMS.Mean), digits(a.first(policy).WaitMS.Mean))
		}
		return ""
	}
}

// verdict says in how many cells a target is met, and names the others.
func (t target) verdict(answers []answer) string {
	n := 0
	var missed []string
	for _, a := range answers {
		if !t.applies(a) {
			continue
		}
		n++
		if how := t.missed(a); how != "" {
			missed = append(missed, fmt.Sprintf("%d (%s)", a.number, how))
		}
	}
	switch {
	case len(missed) == 0:
		return fmt.Sprintf("- %s. *Met* in all %d.\n", t.text, n)
	default:
		return fmt.Sprintf("- %s. *Not met* in %d of %d: %s.\n", t.text, len(missed), n, strings.Join(missed, "; "))
	}
}
