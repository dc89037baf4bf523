package main

import (
	"fmt"
	"time"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// cell is one question, which every policy is asked.
type cell struct{ forecast.Config }

// group is cells that belong together in the document.
type group struct {
	title string
	cells []cell
}

const ms = time.Millisecond

// of returns a cell: nodes and workers, one-way delay, interval, load, and the
// service, and what else.
func of(nodes, workers int, delay, interval float64, load float64, service string, more ...func(*forecast.Config)) cell {
	c := forecast.DefaultConfig()
	c.Nodes, c.Workers, c.Load, c.Tasks = nodes, workers, load, 300_000
	c.Delay, c.Interval = time.Duration(delay*float64(ms)), time.Duration(interval*float64(ms))
	var err error
	if c.Service, err = forecast.ParseService(service); err != nil {
		panic(fmt.Sprintf("service %s: %v", service, err))
	}
	for _, change := range more {
		change(&c)
	}
	return cell{c}
}

func hot(times float64) func(*forecast.Config) { return func(c *forecast.Config) { c.Hot = times } }

func coming(a forecast.Arrivals) func(*forecast.Config) {
	return func(c *forecast.Config) { c.Arrivals = a }
}

// many is for cells with so many workers, or such long waves, that few tasks are
// only the beginning.
func many(c *forecast.Config) { c.Tasks = 1_000_000 }

// regions puts the nodes into so many regions, far from each other.
func regions(n int) func(*forecast.Config) {
	return func(c *forecast.Config) { c.Regions, c.Far = n, 40*ms }
}

// untold leaves it to the nodes to find out how far the others are.
func untold(c *forecast.Config) { c.Untold = true }

// few is for cells in which a tenth of the nodes is hot.
func few(times float64) func(*forecast.Config) {
	return func(c *forecast.Config) { c.Hot, c.HotFraction = times, 0.1 }
}

// dies has the last node die.
func dies(at time.Duration) func(*forecast.Config) {
	return func(c *forecast.Config) {
		c.Kills = []forecast.Change{{Node: c.Nodes, At: at}}
		c.Tasks = 2_000_000
	}
}

// groups are all cells but the deaths.
func groups() []group {
	return []group{
		{"Even load", []cell{
			of(12, 100, 1, 5, 0.5, "exp:10ms"), of(12, 100, 1, 5, 0.8, "exp:10ms"), of(12, 100, 1, 5, 0.9, "exp:10ms"),
			of(12, 100, 1, 5, 0.95, "exp:10ms"), of(12, 100, 1, 5, 0.98, "exp:10ms"),
			of(12, 100, 0.1, 5, 0.95, "exp:1ms"), of(12, 100, 0.2, 5, 0.98, "exp:100ms"),
			of(12, 100, 5, 5, 0.95, "exp:10ms"), of(12, 100, 5, 5, 0.98, "exp:10ms"),
			of(12, 100, 20, 5, 0.9, "exp:10ms"), of(12, 100, 20, 20, 0.95, "exp:10ms"), of(12, 100, 20, 20, 0.95, "exp:100ms"),
			of(12, 100, 80, 50, 0.95, "exp:100ms"), of(12, 100, 80, 5, 0.95, "exp:10ms"),
			of(12, 100, 1, 5, 0.9, "det:10ms"), of(12, 100, 1, 5, 0.98, "det:10ms"),
			of(12, 100, 1, 5, 0.9, "lognormal:10ms"), of(12, 100, 1, 5, 0.98, "lognormal:10ms"),
			of(12, 100, 1, 5, 0.9, "bimodal:1ms,100ms,0.9"), of(12, 100, 1, 5, 0.98, "bimodal:1ms,100ms,0.9"),
		}},
		{"A quarter of the nodes hot", []cell{
			of(12, 100, 1, 5, 0.7, "exp:10ms", hot(2)), of(12, 100, 1, 5, 0.8, "exp:10ms", hot(2)),
			of(12, 100, 1, 5, 0.9, "exp:10ms", hot(2)), of(12, 100, 1, 5, 0.95, "exp:10ms", hot(2)),
			of(12, 100, 1, 5, 0.98, "exp:10ms", hot(2)), of(12, 100, 1, 5, 0.5, "exp:10ms", few(3)),
			of(12, 100, 1, 5, 0.8, "exp:10ms", hot(3)),
			of(3, 100, 1, 5, 0.8, "exp:10ms", hot(1.5)), of(12, 1000, 1, 5, 0.9, "exp:10ms", hot(2), many),
			of(12, 100, 1, 5, 0.9, "det:10ms", hot(2)), of(12, 100, 1, 5, 0.95, "det:10ms", hot(2)), of(12, 100, 1, 5, 0.98, "det:10ms", hot(2)),
			of(12, 100, 1, 5, 0.9, "lognormal:10ms", hot(2)), of(12, 100, 1, 5, 0.95, "lognormal:10ms", hot(2)), of(12, 100, 1, 5, 0.98, "lognormal:10ms", hot(2)),
			of(12, 100, 1, 5, 0.9, "bimodal:1ms,100ms,0.9", hot(2)), of(12, 100, 1, 5, 0.95, "bimodal:1ms,100ms,0.9", hot(2)), of(12, 100, 1, 5, 0.98, "bimodal:1ms,100ms,0.9", hot(2)),
		}},
		{"Hot nodes, by delay", []cell{
			of(12, 100, 0.1, 0.5, 0.9, "exp:1ms", hot(2)), of(12, 100, 0.1, 5, 0.9, "exp:1ms", hot(2)),
			of(12, 100, 0.02, 5, 0.95, "exp:10ms", hot(2)), of(12, 100, 0.1, 5, 0.95, "exp:10ms", hot(2)),
			of(12, 100, 5, 5, 0.9, "exp:10ms", hot(2)), of(12, 100, 5, 5, 0.95, "exp:10ms", hot(2)), of(12, 100, 5, 5, 0.98, "exp:10ms", hot(2)),
			of(12, 100, 20, 5, 0.9, "exp:10ms", hot(2)), of(12, 100, 20, 5, 0.95, "exp:10ms", hot(2)), of(12, 100, 20, 5, 0.98, "exp:10ms", hot(2)),
			of(12, 100, 20, 20, 0.9, "exp:10ms", hot(2)), of(12, 100, 20, 20, 0.9, "exp:100ms", hot(2)),
			of(12, 100, 80, 100, 0.9, "exp:100ms", hot(2)), of(12, 100, 80, 100, 0.9, "exp:1s", hot(2)), of(12, 100, 20, 1000, 0.9, "exp:1s", hot(2)),
		}},
		{"Hot nodes, by interval", []cell{
			of(12, 100, 1, 2, 0.9, "exp:10ms", hot(2)), of(12, 100, 1, 20, 0.9, "exp:10ms", hot(2)), of(12, 100, 1, 100, 0.9, "exp:10ms", hot(2)), of(12, 100, 1, 1000, 0.9, "exp:10ms", hot(2)),
			of(12, 100, 1, 2, 0.9, "exp:100ms", hot(2)), of(12, 100, 1, 20, 0.9, "exp:100ms", hot(2)), of(12, 100, 1, 50, 0.9, "exp:100ms", hot(2)), of(12, 100, 1, 100, 0.9, "exp:100ms", hot(2)), of(12, 100, 1, 1000, 0.9, "exp:100ms", hot(2)),
			of(12, 100, 20, 100, 0.9, "exp:100ms", hot(2)), of(12, 100, 20, 1000, 0.9, "exp:100ms", hot(2)),
		}},
		{"Few workers a node", []cell{
			of(12, 5, 1, 5, 0.8, "exp:10ms"), of(12, 5, 1, 5, 0.9, "exp:10ms"), of(12, 5, 1, 5, 0.95, "exp:10ms"), of(12, 5, 0.2, 2, 0.95, "exp:100ms"),
			of(12, 5, 1, 5, 0.8, "lognormal:10ms"), of(12, 5, 1, 5, 0.8, "bimodal:1ms,100ms,0.9"),
			of(12, 20, 1, 5, 0.9, "exp:10ms", hot(2)), of(12, 20, 1, 5, 0.95, "exp:10ms", hot(2)), of(12, 20, 20, 5, 0.95, "exp:10ms", hot(2)),
		}},
		{"Tasks in waves", []cell{
			of(12, 100, 1, 5, 0.5, "exp:10ms", coming(forecast.OnOff), many), of(12, 100, 20, 20, 0.5, "exp:100ms", coming(forecast.OnOff), many), of(12, 100, 1, 5, 0.7, "exp:10ms", coming(forecast.OnOff), many),
			of(12, 100, 1, 5, 0.9, "exp:10ms", coming(forecast.Batch)), of(12, 5, 1, 5, 0.7, "exp:1s", coming(forecast.Batch)),
		}},
		{"Three regions", []cell{
			of(12, 100, 0.2, 5, 0.8, "exp:100ms", hot(2), regions(3)), of(12, 100, 0.2, 20, 0.95, "exp:100ms", regions(3)),
		}},
		{"Many nodes", []cell{
			of(100, 100, 1, 5, 0.9, "exp:10ms", hot(2), many), of(100, 100, 1, 5, 0.95, "exp:10ms", hot(2), many), of(100, 100, 1, 20, 0.9, "exp:10ms", hot(2), many),
			of(1000, 20, 1, 5, 0.9, "exp:10ms", hot(2), many), of(1000, 20, 1, 5, 0.95, "exp:10ms", hot(2), many), of(1000, 20, 1, 20, 0.9, "exp:10ms", hot(2), many), of(1000, 20, 1, 20, 0.9, "exp:10ms", many),
			of(100, 20, 1, 20, 0.55, "exp:100ms", few(2), regions(3)), of(100, 20, 1, 20, 0.9, "exp:100ms", regions(10)),
		}},
		{"Regions that nodes were not told of", []cell{
			of(12, 100, 0.2, 5, 0.8, "exp:100ms", hot(2), regions(3), untold), of(12, 100, 0.2, 20, 0.95, "exp:100ms", regions(3), untold),
			of(100, 20, 1, 20, 0.55, "exp:100ms", few(2), regions(3), untold),
		}},
		{"More than all can do", []cell{
			of(3, 100, 0.1, 5, 1.1, "exp:10ms"), of(12, 100, 0.1, 5, 1.1, "exp:10ms"), of(12, 100, 1, 5, 1.1, "exp:10ms"), of(12, 100, 20, 5, 1.1, "exp:10ms"),
			of(3, 100, 0.1, 5, 1.1, "exp:10ms", hot(1.5)), of(12, 100, 1, 5, 1.1, "exp:10ms", hot(2)), of(12, 100, 20, 5, 1.1, "exp:10ms", hot(2)),
		}},
	}
}

// deaths are the cells in which a node dies.
func deaths() []cell {
	return []cell{
		of(12, 100, 1, 5, 0.7, "exp:10ms", hot(1.5), dies(8*time.Second)),
		of(12, 100, 1, 5, 0.9, "exp:10ms", hot(2), dies(8*time.Second)),
		of(12, 100, 1, 5, 0.8, "exp:100ms", hot(2), dies(30*time.Second)),
	}
}

// bounded reports whether the first target is about the cell.
func (c cell) bounded() bool {
	return len(c.Kills) == 0 && c.Workers >= 100 && 2*c.Interval <= c.mean() && c.Load <= 0.98
}

// moonshot reports whether the far target is about the cell: with the interval
// that nodes have, or a shorter one.
func (c cell) moonshot() bool {
	d, s := c.Delay.Seconds(), c.mean().Seconds()
	return len(c.Kills) == 0 && c.Hot == 2 && c.Load <= 0.95 && c.Workers >= 20 && c.Nodes <= 1000 && 2*c.Interval <= c.mean() &&
		c.Regions <= 1 && 0.002*s <= d && d <= 2*s
}

// even reports whether all nodes have the same load at all times.
func (c cell) even() bool { return c.Hot == 0 && c.Arrivals == forecast.Poisson }

// overloaded reports whether more comes than all nodes can do.
func (c cell) overloaded() bool { return c.Load > 1 }

// mean is the mean time of a task.
func (c cell) mean() time.Duration {
	if c.Service.Kind == forecast.Bimodal {
		return time.Duration(c.Service.Short*float64(c.Service.Mean) + (1-c.Service.Short)*float64(c.Service.Long))
	}
	return c.Service.Mean
}

// roundTrip is the longest between two nodes.
func (c cell) roundTrip() time.Duration { return 2 * max(c.Delay, c.Far) }
