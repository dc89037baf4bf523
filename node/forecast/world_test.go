package forecast

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// small is a mesh in which everything happens within few tasks.
func small(policy string) Config {
	c := DefaultConfig()
	c.Policy, c.Nodes, c.Workers, c.Hot, c.Load, c.Tasks = policy, 6, 10, 1.5, 0.85, 30_000
	c.HotFraction = 0.34
	return c
}

func TestEveryPolicyTakesEveryKindOfLoad(t *testing.T) {
	services := []string{"exp:10ms", "det:10ms", "lognormal:10ms", "bimodal:1ms,100ms,0.9"}
	for _, policy := range Policies() {
		for _, arrivals := range ArrivalKinds() {
			for _, service := range services {
				t.Run(fmt.Sprintf("%s/%s/%s", policy, arrivals, service), func(t *testing.T) {
					c := small(policy)
					c.Arrivals, c.Tasks = arrivals, 5_000
					var err error
					if c.Service, err = ParseService(service); err != nil {
						t.Fatal(err)
					}
					if c.Service.String() != service {
						t.Errorf("%v is written %v", service, c.Service)
					}
					r := mustRun(t, c)
					if want := uint64(c.Tasks - c.Tasks*15/100); r.Wait.Count() != want {
						t.Errorf("%d tasks are counted, want %d", r.Wait.Count(), want)
					}
				})
			}
		}
	}
}

// troubles are what may befall a mesh.
var troubles = map[string]func(*Config){
	"none":  func(*Config) {},
	"kills": func(c *Config) { c.Kills = []Change{{1, 2 * time.Second}, {4, 3 * time.Second}} },
	"joins": func(c *Config) { c.Joins = []Change{{1, 2 * time.Second}, {4, 3 * time.Second}, {6, 0}} },
	"loss":  func(c *Config) { c.Loss = 0.01 },
	"slow":  func(c *Config) { c.Slow = 2 },
	"far":   func(c *Config) { c.Regions, c.Far = 3, ms(20) },
	"all": func(c *Config) {
		c.Kills, c.Joins = []Change{{2, 2 * time.Second}}, []Change{{2, time.Second}, {5, 3 * time.Second}}
		c.Loss, c.Slow, c.Regions, c.Far, c.Arrivals = 0.01, 2, 2, ms(20), Batch
	},
}

// Every task is in one place at every moment, and none is lost in the end.
func TestTasksAreConserved(t *testing.T) {
	for _, policy := range Policies() {
		for name, trouble := range troubles {
			t.Run(policy+"/"+name, func(t *testing.T) {
				c := small(policy)
				trouble(&c)
				if err := c.check(); err != nil {
					t.Fatal(err)
				}
				w := newWorld(c)
				looks := 0
				w.sampled = func(w *world) {
					looks++
					n := countsOf(w)
					if sum := n.Waiting + n.Moving + n.Running + n.Done + n.Lost; sum != n.Submitted {
						t.Fatalf("%+v make %d", n, sum)
					}
					seen := Counts{Submitted: n.Submitted, Done: n.Done, Lost: n.Lost}
					w.all(func(t *task) {
						switch t.place {
						case waiting:
							seen.Waiting++
						case moving:
							seen.Moving++
						case running:
							seen.Running++
						}
					})
					if seen != n {
						t.Fatalf("counted %+v, there are %+v", n, seen)
					}
					if cores, ok := w.policy.(*cores); ok && name == "none" {
						compareWithCores(t, cores, n)
					}
				}
				r, err := w.run()
				if err != nil {
					t.Fatal(err)
				}
				if r.Lost != 0 || w.places[done] != c.Tasks || looks < 3 {
					t.Errorf("lost %d, done %d of %d, looked %d times", r.Lost, w.places[done], c.Tasks, looks)
				}
				if (len(c.Kills) > 0) != (r.Around != nil) {
					t.Errorf("around the deaths: %v", r.Around)
				}
				if len(c.Kills) > 0 && r.Delayed == 0 {
					t.Error("no task was delayed by a death")
				}
			})
		}
	}
}

// Counts says where the tasks are at one moment.
type Counts struct{ Submitted, Waiting, Moving, Running, Done, Lost int }

func countsOf(w *world) Counts {
	return Counts{w.submitted, w.places[waiting], w.places[moving], w.places[running], w.places[done], w.places[lost]}
}

// compareWithCores asks the cores themselves what waits and runs.
func compareWithCores(t *testing.T, c *cores, n Counts) {
	t.Helper()
	waits, runs := 0, 0
	for i := range c.nodes {
		for _, l := range c.nodes[i].core.Loads(c.w.now) {
			waits += l.Waiting
			runs += l.Workers - l.Idle
		}
	}
	if waits != n.Waiting || runs != n.Running {
		t.Fatalf("the cores have %d waiting and %d running, counted are %+v", waits, runs, n)
	}
}

func TestSameSeedSameResult(t *testing.T) {
	for _, policy := range Policies() {
		c := small(policy)
		troubles["all"](&c)
		first, again := mustRun(t, c), mustRun(t, c)
		if !reflect.DeepEqual(first, again) {
			t.Errorf("%s: %+v and %+v", policy, first, again)
		}
		c.Seed++
		if other := mustRun(t, c); reflect.DeepEqual(first.WaitMS, other.WaitMS) {
			t.Errorf("%s: another seed makes no difference", policy)
		}
	}
}

// The tasks are those of the seed, whatever the policy.
func TestPoliciesGetTheSameTasks(t *testing.T) {
	sums := make(map[string]time.Duration)
	for _, policy := range Policies() {
		w := newWorld(small(policy))
		last := time.Duration(0)
		w.sampled = func(w *world) { last = max(last, w.sources[0].next, w.sources[5].next) }
		if _, err := w.run(); err != nil {
			t.Fatal(err)
		}
		sums[policy] = max(last, w.sources[0].next, w.sources[5].next) - w.start
	}
	for policy, sum := range sums {
		if sum != sums[Default] {
			t.Errorf("%s: the last arrival is at %v, with the default at %v", policy, sum, sums[Default])
		}
	}
}

func TestFaultsNameTheSetting(t *testing.T) {
	for setting, spoil := range map[string]func(*Config){
		"policy:":        func(c *Config) { c.Policy = "best" },
		"nodes:":         func(c *Config) { c.Nodes = 0 },
		"workers:":       func(c *Config) { c.Workers = -1 },
		"load:":          func(c *Config) { c.Load = 0 },
		"hot:":           func(c *Config) { c.Hot, c.HotFraction = 4, 0.5 },
		"hot: load":      func(c *Config) { c.Hot, c.HotFraction = 0.5, 1 },
		"hot-fraction:":  func(c *Config) { c.HotFraction = 2 },
		"slow:":          func(c *Config) { c.Slow = -1 },
		"slow-fraction:": func(c *Config) { c.SlowFraction = 0 },
		"delay:":         func(c *Config) { c.Delay = -1 },
		"regions:":       func(c *Config) { c.Regions, c.Far = 4, ms(1) },
		"far:":           func(c *Config) { c.Far = ms(1) },
		"untold:":        func(c *Config) { c.Untold = true },
		"tasks:":         func(c *Config) { c.Tasks = 0 },
		"tasks: so":      func(c *Config) { c.Tasks, c.Service.Mean = maxTasks, time.Hour },
		"loss:":          func(c *Config) { c.Loss = 1 },
		"interval:":      func(c *Config) { c.Interval = -1 },
		"interval: 0":    func(c *Config) { c.Interval = 1 },
		"service:":       func(c *Config) { c.Service.Mean = 0 },
		"arrivals:":      func(c *Config) { c.Arrivals = "rush" },
		"kill: node 4":   func(c *Config) { c.Kills = []Change{{4, 0}} },
		"kill: 1h":       func(c *Config) { c.Kills = []Change{{1, time.Hour}} },
		"kill: no node":  func(c *Config) { c.Kills = []Change{{1, 1}, {2, 2}, {3, 3}} },
		"kill: node 1 d": func(c *Config) { c.Kills, c.Joins = []Change{{1, 1}}, []Change{{1, 2}} },
		"kill: no node w": func(c *Config) {
			c.Kills, c.Joins = []Change{{1, 1}, {2, 2}}, []Change{{3, 3}}
		},
		"join: node 4":  func(c *Config) { c.Joins = []Change{{4, 0}} },
		"join: node 1 ": func(c *Config) { c.Joins = []Change{{1, 0}, {1, 1}} },
		"join: from":    func(c *Config) { c.Joins = []Change{{1, -1}} },
		"join: 1h":      func(c *Config) { c.Joins = []Change{{1, time.Hour}} },
		"join: no node": func(c *Config) { c.Joins = []Change{{1, 1}, {2, 1}, {3, 1}} },
	} {
		c := DefaultConfig()
		spoil(&c)
		faults := c.Faults()
		if len(faults) != 1 || !strings.HasPrefix(faults[0], setting) {
			t.Errorf("%s %q", setting, faults)
		}
		if _, err := Run(c); err == nil {
			t.Errorf("%s it runs", setting)
		}
	}
	if faults := DefaultConfig().Faults(); faults != nil {
		t.Error(faults)
	}
	for _, text := range []string{"", "exp", "exp:", "exp:1ms,2ms", "det:-1s", "bimodal:1ms", "bimodal:1ms,1s,2", "gamma:1ms"} {
		if s, err := ParseService(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}

func TestProgressEndsTheRun(t *testing.T) {
	c, stop := small(Default), errors.New("enough")
	c.Progress = func(int) error { return stop }
	if _, err := Run(c); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(0.99) != 0 || h.Mean() != 0 || h.Above(0) != 0 {
		t.Error("an empty one has values")
	}
	for d := time.Duration(1); d < 100*time.Hour; d += 1 + d/3 {
		if m := middle(bucket(d)); max(m-d, d-m) > d/200 {
			t.Errorf("%v is counted as %v", d, m)
		}
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: ms(1), 0.5: ms(501), 0.99: ms(991), 1: ms(1000)} {
		if got := h.Quantile(q); max(got-want, want-got) > want/100 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if p := h.Above(ms(900)); p < 0.09 || p > 0.11 {
		t.Errorf("above 900ms: %v", p)
	}
}
