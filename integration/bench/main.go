// Command bench measures brokermesh against plain NATS, side by side on this
// machine. Servers, nodes, clients and workers are
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
	only := flag.String("only", "", "only rows whose name contains this")
	rounds := flag.Int("rounds", 7, "rounds of each system in a row")
	length := flag.Duration("for", time.Second, "how long a round lasts")
	profiles := flag.String("profiles", "", "folder for a CPU and an allocation profile of every process")
	flag.Parse()
	b := bench{ctx: ctx, profiles: *profiles}
	return b.table(*only, *rounds, *length)
}

// bench starts the processes of a measurement.
type bench struct {
	ctx      context.Context
	profiles string
	started  int
}
