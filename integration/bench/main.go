// Command bench measures brokermesh against plain NATS, side by side on this
// machine: see docs/performance.md. Servers, nodes, clients and workers are
// processes of their own: this program, started again in another role.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == roleArgument {
		os.Exit(runRole(os.Args[2]))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mode := flag.String("mode", "table", "table: against plain NATS; cluster, nodes, wait: scale on one machine")
	only := flag.String("only", "", "table: only rows whose name contains this")
	rounds := flag.Int("rounds", 28, "table: rounds of each system in a row")
	length := flag.Duration("for", 0, "how long a measurement lasts: a round of the table (250ms), the cluster (1m), idle nodes (10s), a run of wait (20s)")
	profiles := flag.String("profiles", "", "folder for a CPU and an allocation profile of every process")
	before := flag.String("before", "", "table: another build of this program, to be compared as well")
	plot := flag.String("plot", "", "wait: the file for the plot, SVG")
	mean := flag.Duration("mean", 10*time.Millisecond, "wait: the workers' mean time for a task")
	flag.Parse()
	or := func(usual time.Duration) time.Duration {
		if *length > 0 {
			return *length
		}
		return usual
	}
	b := bench{ctx: ctx, profiles: *profiles, before: *before}
	switch *mode {
	case "table":
		return b.table(*only, *rounds, or(250*time.Millisecond))
	case "cluster":
		return b.cluster(or(time.Minute))
	case "nodes":
		return b.nodes(or(10 * time.Second))
	case "wait":
		return b.wait(or(20*time.Second), *mean, *plot)
	}
	return fmt.Errorf("no mode %q", *mode)
}

// bench starts the processes of a measurement.
type bench struct {
	ctx      context.Context
	profiles string
	before   string // another build
	started  int
}
