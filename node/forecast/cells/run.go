package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// answer is what came of a cell. Policies that are not compared in every seed
// have the first one's result only.
type answer struct {
	cell
	number int
	of     map[string][]forecast.Result // by policy, a seed each
}

// seeds is how many of them a target is measured with.
const seeds = 3

// ask runs all cells, as many at a time as there are processors, with so many
// tasks each: a multiple of what they have. It tells how far it is.
func ask(cells []cell, scale float64, progress io.Writer) ([]answer, error) {
	type job struct {
		to     *forecast.Result
		config forecast.Config
	}
	var jobs []job
	answers := make([]answer, len(cells))
	for i, c := range cells {
		answers[i] = answer{c, i + 1, make(map[string][]forecast.Result)}
		for _, policy := range forecast.Policies() {
			n := 1
			if (policy == forecast.Global || policy == forecast.Default) && (c.bounded() || c.moonshot()) {
				n = seeds
			}
			results := make([]forecast.Result, n)
			answers[i].of[policy] = results
			for seed := range results {
				config := c.Config
				config.Policy, config.Seed, config.Tasks = policy, uint64(seed+1), int(scale*float64(c.Tasks))
				jobs = append(jobs, job{&results[seed], config})
				if faults := config.Faults(); faults != nil {
					return nil, fmt.Errorf("%s: %s", c.name(), strings.Join(faults, "; "))
				}
			}
		}
	}
	errs := make([]error, len(jobs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				*jobs[i].to, errs[i] = forecast.Run(jobs[i].config)
			}
		})
	}
	for i := len(jobs) - 1; i >= 0; i-- { // the many nodes come last, and take longest
		next <- i
		if done := len(jobs) - i; done%10 == 0 {
			fmt.Fprintf(progress, "\r%d of %d forecasts", done, len(jobs))
		}
	}
	close(next)
	wg.Wait()
	fmt.Fprintln(progress)
	return answers, errors.Join(errs...)
}

// first is a policy's result with the first seed.
func (a answer) first(policy string) forecast.Result { return a.of[policy][0] }

// bound is the least that the 99th percentile could be, about: that of one queue
// without distance, and one round trip, in ms.
func (a answer) bound(seed int) float64 {
	return a.of[forecast.Global][seed].WaitMS.P99 + a.roundTrip().Seconds()*1000
}

// worst is the result of the seed with which the policy is furthest from the bound.
func (a answer) worst() (r forecast.Result, ratio float64) {
	for seed, of := range a.of[forecast.Default] {
		if p := of.WaitMS.P99 / a.bound(seed); seed == 0 || p > ratio {
			r, ratio = of, p
		}
	}
	return r, ratio
}

// growth is how many times longer tasks wait in the last third of the run than in
// the one before.
func growth(r forecast.Result) float64 {
	third := len(r.Over) / 3
	mean := func(slices []forecast.Slice) (sum float64) {
		n := 0.0
		for _, s := range slices {
			sum += s.Wait.Mean().Seconds() * float64(s.Wait.Count())
			n += float64(s.Wait.Count())
		}
		return sum / max(1, n)
	}
	return mean(r.Over[2*third:]) / max(1e-9, mean(r.Over[third:2*third]))
}
