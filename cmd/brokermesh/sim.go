package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// simCommand forecasts how a mesh would do.
func simCommand() *cobra.Command {
	c := forecast.DefaultConfig()
	o := simOptions{policies: []string{forecast.Default, forecast.Global}}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Forecast how long tasks would wait in a mesh: by its size, load and troubles",
		Long: `Run the code of the nodes in virtual time, with made-up clients, workers and
network, and tell how long tasks would wait. The first 15 % of the tasks are the
warm-up, and not counted. The same command line gives the same result.

Policies: default, the code that serves; none, the same at nodes that do not
know of each other; peering3, as the ZeroMQ guide wrote it; queue-group, each
task to a random worker anywhere; oracle, which knows all nodes at once; global,
one queue without distance: the lower bound.

The wait is from a client's request to its answer, less the time on a worker. It
has no limit here, other than in a node. "At deaths" are the tasks sent within
five seconds of a death, before or after; "delayed" counts tasks of which a try
was lost with a node or a message.

A node that joins knows nobody, and nobody knows it. It brings its share of the
clients: --load and --hot are of all --nodes, as if all were there.

Of log-normal service times one in a hundred is ten times the mean or more. With
more than 1,000 nodes each knows of its neighbours only, for want of memory.`,
		Args: noArguments(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(c); err != nil {
				return err
			}
			return failed(o.simulate(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Nodes, "nodes", c.Nodes, "nodes: DC1, DC2 ...")
	f.IntVar(&c.Workers, "workers", c.Workers, "workers of each node")
	f.Float64Var(&c.Load, "load", c.Load, "of the whole mesh; 1: its capacity")
	f.Float64Var(&c.Hot, "hot", c.Hot, "load of the hot nodes, by their own capacity; the others get the rest; 0: none is hot")
	f.Float64Var(&c.HotFraction, "hot-fraction", c.HotFraction, "part of the nodes that is hot: the first ones")
	f.Float64Var(&c.Slow, "slow", c.Slow, "how many times longer a task takes at the slow nodes; 0: none is slow")
	f.Float64Var(&c.SlowFraction, "slow-fraction", c.SlowFraction, "part of the nodes that is slow: the last ones")
	f.DurationVar(&c.Delay, "delay", c.Delay, "of a message from node to node, one way")
	f.IntVar(&c.Regions, "regions", 1, "that the nodes are divided into; they know theirs (MESH_REGION), but for --untold")
	f.DurationVar(&c.Far, "far", c.Far, "the --delay between two regions")
	f.BoolVar(&c.Untold, "untold", false, "nodes do not know their regions, and go by round trips")
	f.Var((*serviceFlag)(&c.Service), "service", "time on a worker: "+forecast.ServiceForms)
	f.StringVar((*string)(&c.Arrivals), "arrivals", string(c.Arrivals), "poisson; onoff: four times the load for about a second, then none for three; batch: ten at once")
	f.IntVar(&c.Tasks, "tasks", c.Tasks, "how many")
	f.Uint64Var(&c.Seed, "seed", c.Seed, "of all that is random")
	f.Var((*changesFlag)(&c.Kills), "kill", "NODE@TIME, such as 1@30s: the node dies with its workers; may be repeated")
	f.Var((*changesFlag)(&c.Joins), "join", "NODE@TIME, such as 3@30s: the node starts then, with its workers and clients; may be repeated")
	f.Float64Var(&c.Loss, "loss", c.Loss, "part of the messages between nodes that is lost")
	f.DurationVar(&c.Interval, "interval", c.Interval, "least time between two announcements of a node; 0: as a node has it")
	f.StringSliceVar(&o.policies, "policy", o.policies, "one or more of "+strings.Join(forecast.Policies(), ", "))
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.StringVar(&o.plot, "plot", "", "a file to write: an SVG of the waits, over time and how many were how long")
	return cmd
}

type simOptions struct {
	policies []string
	json     bool
	plot     string
}

// check returns all faults of the command line at once.
func (o simOptions) check(c forecast.Config) error {
	var faults []error
	known := make(map[string]bool)
	if len(o.policies) == 0 {
		o.policies = []string{""}
	}
	for _, c.Policy = range o.policies {
		for _, fault := range c.Faults() {
			if !known[fault] {
				known[fault] = true
				faults = append(faults, errors.New("--"+fault))
			}
		}
	}
	return errors.Join(faults...)
}

// simulate runs every policy and prints what came of them.
func (o simOptions) simulate(ctx context.Context, c forecast.Config, out, progress io.Writer) error {
	var plot *os.File
	if o.plot != "" { // before the work that would be in vain
		var err error
		if plot, err = os.Create(o.plot); err != nil {
			return err
		}
		defer plot.Close() // when this ends early
	}
	results, err := o.forecast(ctx, c, progress)
	if err != nil {
		return err
	}
	if plot != nil {
		if err := errors.Join(writeSimPlot(plot, c, results), plot.Close()); err != nil {
			return err
		}
	}
	if o.json {
		return printSimJSON(out, results)
	}
	return printSimTable(out, results)
}

// forecast runs every policy, as many at a time as there are processors.
func (o simOptions) forecast(ctx context.Context, c forecast.Config, progress io.Writer) ([]forecast.Result, error) {
	results := make([]forecast.Result, len(o.policies))
	errs := make([]error, len(o.policies))
	ended := make([]atomic.Int64, len(o.policies))
	bar := startProgress(progress, c.Tasks*len(o.policies), func() (sum int) {
		for i := range ended {
			sum += int(ended[i].Load())
		}
		return sum
	})
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, policy := range o.policies {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			mine := c
			mine.Policy = policy
			mine.Progress = func(n int) error {
				ended[i].Store(int64(n))
				return ctx.Err()
			}
			results[i], errs[i] = forecast.Run(mine)
		})
	}
	wg.Wait()
	bar.end()
	err := errors.Join(errs...)
	if errors.Is(err, context.Canceled) {
		err = errors.New("ended before the forecast was complete")
	}
	return results, err
}

// serviceFlag and changesFlag read flags.
type serviceFlag forecast.Service

func (f *serviceFlag) String() string { return forecast.Service(*f).String() }
func (f *serviceFlag) Type() string   { return "kind:time" }
func (f *serviceFlag) Set(text string) error {
	s, err := forecast.ParseService(text)
	*f = serviceFlag(s)
	return err
}

type changesFlag []forecast.Change

func (f *changesFlag) Type() string { return "node@time" }
func (f *changesFlag) String() string {
	changes := make([]string, len(*f))
	for i, c := range *f {
		changes[i] = fmt.Sprintf("%d@%v", c.Node, c.At)
	}
	return strings.Join(changes, ",")
}

func (f *changesFlag) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		node, at, _ := strings.Cut(one, "@")
		number, err := strconv.Atoi(strings.TrimPrefix(node, "DC"))
		when, timeErr := time.ParseDuration(at)
		if err != nil || timeErr != nil {
			return errors.New("want NODE@TIME, such as 1@30s")
		}
		*f = append(*f, forecast.Change{Node: number, At: when})
	}
	return nil
}
