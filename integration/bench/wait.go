package main

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"text/tabwriter"
	"time"
)

// Three sites with workers that take their time, and how long tasks wait for one.
const (
	sites       = 3
	siteWorkers = 100
	siteLoad    = 0.9 // of all workers
)

var skews = []struct {
	name    string
	weights []float64
}{
	{"even", []float64{1. / 3, 1. / 3, 1. / 3}},
	{"one site hot", []float64{0.5, 0.25, 0.25}}, // 1.35 of what its own workers can do
}

// curve is how long tasks waited in one run.
type curve struct {
	name   string
	wait   histogram
	failed int
	cost   spent
}

// wait compares how long tasks wait, on an open loop, and draws it.
func (b *bench) wait(length, mean time.Duration, file string) error {
	rate := siteLoad * sites * siteWorkers / mean.Seconds()
	fmt.Printf("%d sites x %d workers, exp(%s) a task, %.0f tasks/s in all (load %.1f), %s a run; load of the machine before: %s\n\n",
		sites, siteWorkers, mean, rate, siteLoad, length, machineLoad())
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "system\tload\ttasks\tlost\twait p50\tp90\tp99\tp99.9\tCPU µs a task\tof that servers\tdelegated\tgiven back")
	var curves []curve
	add := func(system, load string, c curve) {
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s", system, load, c.wait.total(), c.failed,
			short(c.wait.quantile(0.5)), short(c.wait.quantile(0.9)), short(c.wait.quantile(0.99)), short(c.wait.quantile(0.999)))
		if tasks := float64(c.wait.total()); c.cost.all > 0 {
			fmt.Fprintf(out, "\t%.1f\t%.1f\t%.1f %%\t%.1f %%", float64(c.cost.all.Microseconds())/tasks, float64(c.cost.servers.Microseconds())/tasks,
				100*float64(c.cost.delegated)/tasks, 100*float64(c.cost.returned)/tasks)
		}
		fmt.Fprintln(out)
		curves = append(curves, c)
	}
	for _, name := range []string{plain, mesh} {
		for _, skew := range skews {
			c, err := b.waitRun(name, skew.weights, order{For: length, Rate: rate, Size: 64}, mean)
			if err != nil {
				return err
			}
			c.name = name + ", " + skew.name
			add(name, skew.name, c)
		}
	}
	add("one queue, in theory", "", curve{name: "one queue, in theory", wait: singleQueue(rate, mean)})
	if err := out.Flush(); err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, plotWaits(curves, mean), 0o644)
}

// waitRun is one run of one system.
func (b *bench) waitRun(name string, weights []float64, o order, mean time.Duration) (curve, error) {
	var roles []func(system) role
	for i := range sites {
		roles = append(roles, func(before system) role {
			r := role{System: name, Kind: server, Name: fmt.Sprintf("DC%d", i+1), Routed: true}
			if i > 0 {
				r.Peers = []string{before[0].where.Route}
			}
			return r
		})
	}
	urls := func(before system) (urls []string) {
		for _, c := range before[:sites] {
			urls = append(urls, c.where.URL)
		}
		return urls
	}
	roles = append(roles,
		func(before system) role {
			return role{System: name, Kind: workers, URLs: urls(before), N: sites * siteWorkers, Share: siteWorkers, Sleep: mean}
		},
		func(before system) role {
			return role{System: name, Kind: clients, URLs: urls(before), N: sites, Share: 1, Weights: weights}
		})
	s, err := b.startSystem(roles...)
	if err != nil {
		return curve{}, err
	}
	defer s.stop()
	l, cost, err := s.measure(o)
	return curve{wait: l.Wait, failed: l.Failed, cost: cost}, err
}

// singleQueue is how long tasks wait if all workers take from one queue and
// nothing else takes time.
func singleQueue(rate float64, mean time.Duration) (wait histogram) {
	free := make(freeAt, sites*siteWorkers)
	now := 0.0
	for range 2_000_000 {
		now += rand.ExpFloat64() / rate
		begin := max(now, free[0])
		wait.count(time.Duration((begin - now) * float64(time.Second)))
		free[0] = begin + rand.ExpFloat64()*mean.Seconds()
		heap.Fix(&free, 0)
	}
	return wait
}

// freeAt is when each worker becomes free, the first one first.
type freeAt []float64

func (f freeAt) Len() int           { return len(f) }
func (f freeAt) Less(i, j int) bool { return f[i] < f[j] }
func (f freeAt) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *freeAt) Push(any)          { panic("workers do not come") }
func (f *freeAt) Pop() any          { panic("workers do not go") }
