package forecast

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Config is one question: a mesh, its load, and what befalls it.
type Config struct {
	Policy string // one of Policies

	Nodes   int
	Workers int     // of each node
	Load    float64 // of the whole mesh, 1 is its capacity

	// Hot, if above 0, is the load of the first HotFraction of the nodes, by
	// their own capacity. The others share what makes the total Load.
	Hot         float64
	HotFraction float64

	// Slow, if above 0, is how many times longer a task takes at the last
	// SlowFraction of the nodes.
	Slow         float64
	SlowFraction float64

	Delay   time.Duration // of a message between two nodes, one way
	Regions int           // that the nodes are divided into, in blocks; 0 and 1: one
	Far     time.Duration // of a message between two regions, one way
	Untold  bool          // nodes do not know their regions: they go by round trips

	Service  Service
	Arrivals Arrivals
	Tasks    int
	Seed     uint64

	Kills []Change
	Joins []Change // of nodes that are not there from the beginning
	Loss  float64  // the part of messages between nodes that is lost

	// Interval is the least time between two announcements of a node; 0: as
	// dispatch.DefaultConfig says.
	Interval time.Duration

	// Progress, if set, is told now and then how many tasks have ended. An
	// error that it returns ends the run, and is what Run returns.
	Progress func(ended int) error
}

// DefaultConfig is a mesh of three nodes on one site.
func DefaultConfig() Config {
	return Config{
		Policy: Default, Nodes: 3, Workers: 100, Load: 0.8, HotFraction: 0.25, SlowFraction: 0.25,
		Delay: time.Millisecond, Service: Service{Kind: Exponential, Mean: 10 * time.Millisecond},
		Arrivals: Poisson, Tasks: 1_000_000, Seed: 1,
	}
}

// Bounds of a Config.
const (
	maxNodes   = 10_000
	maxWorkers = 10_000_000 // of all nodes
	maxTime    = 24 * time.Hour
	maxTasks   = 1_000_000_000
	maxLength  = 365 * 24 * time.Hour
)

// Faults returns what is wrong with the Config, each as "setting: what it may
// be", where the setting is the name of the field in lower case with hyphens.
func (c Config) Faults() []string {
	var faults []string
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fraction := func(f float64) bool { return f > 0 && f <= 1 }
	need(slices.Contains(Policies(), c.Policy), "policy: %s; not %q", strings.Join(Policies(), ", "), c.Policy)
	need(1 <= c.Nodes && c.Nodes <= maxNodes, "nodes: from 1 to %d", maxNodes)
	need(1 <= c.Workers && c.Workers <= maxWorkers/max(1, c.Nodes), "workers: from 1 to %d at %d nodes", maxWorkers/max(1, c.Nodes), c.Nodes)
	need(c.Load > 0 && c.Load <= 10, "load: above 0, at most 10")
	need(c.Hot >= 0 && c.Hot <= 1000, "hot: from 0 (none) to 1000")
	need(fraction(c.HotFraction), "hot-fraction: above 0, at most 1")
	need(c.Slow == 0 || c.Slow >= 1 && c.Slow <= 1000, "slow: 0 (none), or from 1 to 1000")
	need(fraction(c.SlowFraction), "slow-fraction: above 0, at most 1")
	need(c.Delay >= 0 && c.Delay <= maxTime, "delay: from 0 to %v", maxTime)
	need(c.Regions >= 0 && c.Regions <= max(1, c.Nodes), "regions: from 1 to the number of nodes")
	need(c.Far >= 0 && c.Far <= maxTime, "far: from 0 to %v", maxTime)
	need(c.Regions > 1 || c.Far == 0, "far: needs regions")
	need(c.Regions > 1 || !c.Untold, "untold: needs regions")
	need(c.Regions <= 1 || c.Far >= c.Delay, "far: regions need the delay between two of them, not below that within one, %v", c.Delay)
	need(c.Tasks >= 1 && c.Tasks <= maxTasks, "tasks: from 1 to %d", maxTasks)
	need(c.Loss >= 0 && c.Loss <= 0.5, "loss: from 0 to 0.5")
	need(c.Interval == 0 || c.Interval >= time.Microsecond && c.Interval <= maxTime, "interval: 0 (the default), or from %v to %v", time.Microsecond, maxTime)
	if fault := c.Service.fault(); fault != "" {
		faults = append(faults, "service: "+fault)
	}
	need(slices.Contains(ArrivalKinds(), c.Arrivals), "arrivals: poisson, onoff or batch; not %q", c.Arrivals)
	if len(faults) > 0 {
		return faults
	}
	if c.rates() == nil {
		return []string{"hot: load cannot be that of the whole mesh: the hot nodes alone get more, or all are hot and get less"}
	}
	if faults = c.changeFaults(); len(faults) > 0 {
		return faults
	}
	need(c.length() <= maxLength, "tasks: so many take more than a year to come")
	return faults
}

func (c Config) check() error {
	if faults := c.Faults(); len(faults) > 0 {
		return errors.New("forecast: " + strings.Join(faults, "; "))
	}
	return nil
}

// count returns how many nodes a fraction is: at least one.
func (c Config) count(fraction float64) int {
	return max(1, int(math.Round(fraction*float64(c.Nodes))))
}

// slowness returns how many times longer a task takes at each node.
func (c Config) slowness() []float64 {
	slow := make([]float64, c.Nodes)
	for i := range slow {
		if slow[i] = 1; c.Slow > 0 && i >= c.Nodes-c.count(c.SlowFraction) {
			slow[i] = c.Slow
		}
	}
	return slow
}

// rates returns how many tasks a second arrive at each node; nil if the hot
// ones would get more than all, or all are hot and get less.
func (c Config) rates() []float64 {
	hot, own, all := 0.0, 0.0, 0.0 // the tasks of the hot nodes, their capacity, everybody's
	rates := make([]float64, c.Nodes)
	for i, slow := range c.slowness() {
		rates[i] = float64(c.Workers) / slow / c.Service.mean().Seconds()
		all += rates[i]
		if c.isHot(i) {
			own += rates[i]
			hot += c.Hot * rates[i]
		}
	}
	rest := c.Load*all - hot
	cold := 0.0
	switch {
	case rest < -1e-9*all || all-own < 1e-9*all && rest > 1e-9*all:
		return nil
	case all > own:
		cold = max(0, rest) / (all - own)
	}
	for i := range rates {
		if c.isHot(i) {
			rates[i] *= c.Hot
		} else {
			rates[i] *= cold
		}
	}
	return rates
}

func (c Config) isHot(i int) bool { return c.Hot > 0 && i < c.count(c.HotFraction) }

// length returns about how long the tasks arrive.
func (c Config) length() time.Duration {
	rates, all := c.rates(), 0.0
	joins := slices.SortedFunc(slices.Values(c.Joins), func(a, b Change) int { return cmp.Compare(a.At, b.At) })
	for _, j := range joins {
		all -= rates[j.Node-1]
	}
	for _, r := range rates {
		all += r
	}
	left, from := float64(c.Tasks), 0.0
	for _, j := range joins {
		came := max(0, all) * (j.At.Seconds() - from)
		if came >= left {
			break
		}
		left, from, all = left-came, j.At.Seconds(), all+rates[j.Node-1]
	}
	return time.Duration(min((from+left/max(0, all))*float64(time.Second), math.MaxInt64/4))
}

// interval returns the least time between two announcements, when the service
// time is known.
func (c Config) interval() time.Duration {
	if c.Interval > 0 {
		return c.Interval
	}
	return mesh.Interval(c.Service.mean())
}
