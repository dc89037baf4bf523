package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table: a way to be connected, and a size of payload.
type row struct {
	name   string
	n      int // clients, and as many workers
	share  int // a connection
	size   int
	inside bool    // all in one process
	direct bool    // the clients of a node there have no connection
	routed bool    // clients at one server or node, workers at another
	target float64 // of the CPU a task, brokermesh by plain
	speed  float64 // of the median latency, if that is what it is about
}

func rows() []row {
	var list []row
	for _, size := range []int{64, 1024} {
		list = append(list,
			row{name: "(a) a connection each", n: 100, share: 1, size: size, target: 1.2},
			row{name: "(b) one connection a side", n: 100, share: 100, size: size, target: 1.5},
			row{name: "(c) in process", n: 100, share: 100, size: size, inside: true, direct: true, target: 1.5},
			row{name: "(c) in process, by connections", n: 100, share: 100, size: size, inside: true, target: 1.5},
			row{name: "(d) overflow, a connection each", n: 100, share: 1, size: size, routed: true, target: 1.5},
			row{name: "(d) overflow, one connection a side", n: 100, share: 100, size: size, routed: true, target: 1.5},
		)
	}
	return append(list, row{name: "one client, one worker", n: 1, share: 1, size: 64, speed: 1.3})
}

// side is one of those that take turns.
type side struct {
	name    string
	system  string
	program string // another build of this one; "": this
}

func (b *bench) sides() []side {
	list := []side{{name: plain, system: plain}, {name: mesh, system: mesh}}
	if b.before != "" {
		list = append(list, side{"before", mesh, b.before})
	}
	return list
}

// startRow starts one side of a row.
func (b *bench) startRow(r row, s side) (system, error) {
	base := role{System: s.system, N: r.n, Share: r.share, Direct: r.direct, program: s.program}
	if r.inside {
		base.Kind = all
		return b.startSystem(func(system) role { return base })
	}
	at := func(kind string, which int) func(system) role {
		return func(before system) role {
			r := base
			r.Kind, r.URLs = kind, []string{before[which].where.URL}
			return r
		}
	}
	node := role{System: s.system, Kind: server, Name: "A", Routed: r.routed, program: s.program}
	first := func(system) role { return node }
	if !r.routed {
		return b.startSystem(first, at(workers, 0), at(clients, 0))
	}
	second := func(before system) role {
		other := node
		other.Name, other.Peers = "B", []string{before[0].where.Route}
		return other
	}
	return b.startSystem(first, second, at(workers, 1), at(clients, 0))
}

// sample is what one round of one side came to.
type sample struct {
	rate    float64 // tasks a second
	p50     time.Duration
	p99     time.Duration
	cpu     float64 // microseconds a task, all processes
	servers float64 // of that the servers or nodes; 0 if they are not alone in a process
}

// table measures all rows and prints them.
func (b *bench) table(only string, rounds int, length time.Duration) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Printf("%s, %d CPUs, load %s; medians of %d rounds of %s, quartiles in brackets; ± is the standard error\n\n",
		runtime.Version(), runtime.NumCPU(), machineLoad(), rounds, length)
	fmt.Fprint(out, "clients and workers\tbytes\tsystem\ttasks/s\tp50\tp99\tCPU µs a task\tof that servers\tbrokermesh / plain\ttarget")
	if b.before != "" {
		fmt.Fprint(out, "\tbrokermesh / before")
	}
	fmt.Fprintln(out)
	for _, r := range rows() {
		if !strings.Contains(r.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s, %d bytes\n", r.name, r.size)
		if err := b.measureRow(out, r, rounds, length); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return out.Flush()
}

// measureRow lets the sides of a row take turns: many short ones, so that both
// have their share of the machine's good and bad moments.
func (b *bench) measureRow(out *tabwriter.Writer, r row, rounds int, length time.Duration) error {
	sides := b.sides()
	systems := make([]system, len(sides))
	samples := make([][]sample, len(sides))
	for i, side := range sides {
		s, err := b.startRow(r, side)
		if err != nil {
			return err
		}
		defer s.stop()
		systems[i] = s
	}
	for round := range rounds + 1 { // the first one is to warm up
		for turn := range sides {
			i := (turn + round) % len(sides)
			l, cost, err := systems[i].measure(order{For: length, Size: r.size})
			if err == nil && l.Failed > 0 {
				err = fmt.Errorf("%s: %d requests failed; the last: %s", sides[i].name, l.Failed, l.Fault)
			}
			if err != nil {
				return err
			}
			if round > 0 {
				samples[i] = append(samples[i], sample{
					rate: float64(l.Tasks) / l.Took.Seconds(), p50: l.Latency.quantile(0.5), p99: l.Latency.quantile(0.99),
					cpu: float64(cost.all.Microseconds()) / float64(l.Tasks), servers: float64(cost.servers.Microseconds()) / float64(l.Tasks),
				})
			}
		}
	}
	for i, side := range sides {
		printRow(out, r, side, samples, i)
	}
	return nil
}

// printRow prints the line of one side: of brokermesh with what it is of the others.
func printRow(out *tabwriter.Writer, r row, side side, samples [][]sample, i int) {
	s := samples[i]
	fmt.Fprintf(out, "%s\t%d\t%s\t%.0f\t%s\t%s\t%s\t%.1f\t", r.name, r.size, side.name, median(rates(s)), short(median(p50s(s))), short(median(p99s(s))),
		quartiles(cpus(s), "%.1f"), median(column(s, func(s sample) float64 { return s.servers })))
	if i != 1 {
		fmt.Fprintln(out, "\t")
		return
	}
	of := func(other int) string { return withError(ratios(cpus(samples[other]), cpus(s))) }
	target, what := r.target, ""
	if r.speed > 0 {
		of = func(other int) string { return withError(ratios(p50s(samples[other]), p50s(s))) }
		target, what = r.speed, "p50 "
	}
	fmt.Fprintf(out, "%s%s\t≤ %.2f", what, of(0), target)
	if len(samples) > 2 {
		fmt.Fprintf(out, "\t%s", of(2))
	}
	fmt.Fprintln(out)
}

func rates(s []sample) []float64 { return column(s, func(s sample) float64 { return s.rate }) }
func cpus(s []sample) []float64  { return column(s, func(s sample) float64 { return s.cpu }) }
func p50s(s []sample) []time.Duration {
	return column(s, func(s sample) time.Duration { return s.p50 })
}
func p99s(s []sample) []time.Duration {
	return column(s, func(s sample) time.Duration { return s.p99 })
}
func column[T any](s []sample, of func(sample) T) (values []T) {
	for _, one := range s {
		values = append(values, of(one))
	}
	return values
}

// ratios compares what was measured in the same round.
func ratios[T int64 | float64 | time.Duration](plain, mesh []T) (list []float64) {
	for i := range plain {
		list = append(list, float64(mesh[i])/float64(plain[i]))
	}
	return list
}

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// quartiles writes a median with the first and the third quartile.
func quartiles(values []float64, format string) string {
	first, third := quarter(values)
	return fmt.Sprintf(format+" ["+format+" "+format+"]", median(values), first, third)
}

func quarter(values []float64) (first, third float64) {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/4], values[3*len(values)/4]
}

// withError writes a median with its standard error: 1.25 standard deviations by
// the root of their number, with a deviation of 0.74 of what is between the
// quartiles, as it is of a normal distribution.
func withError(values []float64) string {
	first, third := quarter(values)
	return fmt.Sprintf("%.2f ± %.2f", median(values), 1.25*0.74*(third-first)/math.Sqrt(float64(len(values))))
}

// short writes a duration in three figures or so.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 100*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// machineLoad is the load average of the last minute, if the system tells.
func machineLoad() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
