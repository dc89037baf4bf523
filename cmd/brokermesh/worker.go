package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
	"github.com/brokermesh/brokermesh/workerpool/supervise"
)

// workerCommand runs workers that run a program for each task.
func workerCommand() *cobra.Command {
	var w commandWorkers
	cmd := &cobra.Command{
		Use:   "worker [flags] -- command [arguments]",
		Short: "Run workers that run a command for each task, or are one each",
		Long: `Run workers at a node. Each runs the command once for every task: the payload
is its standard input, its standard output is the answer. A command that ends
with another status than 0 is answered with error 500 and the end of its standard
error. At the task's deadline it is killed, with its whole process group. A task
whose client gave no Mesh-Timeout may run for ever. Of a task the command finds in
its environment

  ` + workerpool.EnvService + `         its service, empty for the default service
  ` + workerpool.EnvAttempt + `         the node's token for this dispatch
  ` + workerpool.EnvTimeout + `      milliseconds until its deadline, if there is one
  ` + workerpool.EnvHeader + `<NAME>   the client's headers: trace-id is ` + workerpool.EnvHeader + `TRACE_ID

With --process each worker is the command: a program that speaks the worker
protocol itself and ends when it is told to, by SIGTERM. It is started again when it
ends by itself, soon at first; if it crashes over and over it is left alone for a
while, and then tried once. It finds in its environment

  ` + supervise.EnvURL + `                   where the node is, and the other variables below
  ` + supervise.EnvService + `         the service it is to offer, empty for the default service
  ` + supervise.EnvWorker + `          its name

It waits for the node, and reconnects for ever. On SIGTERM, SIGINT or SIGHUP it finishes
the tasks in hand and ends with status 0; a second SIGTERM or SIGINT, 250ms later or
more, ends it at once. None of its commands is left then (of one that runs once a task:
none but its children, if this process is killed).

` + connectionVariables,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			outliveLog()
			w.log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			if err := w.prepare(args); err != nil {
				return err
			}
			debug.SetMaxThreads(goThreads + 3*w.workers)
			if w.processes != nil {
				w.supervise(cmd.Context())
				return nil
			}
			return failed(w.run(cmd.Context()))
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command is its own
	f.StringVarP(&w.server, "server", "s", "", "URLs of the node's local port, separated by commas (default: NATS_URL, or "+nats.DefaultURL+")")
	f.IntVarP(&w.workers, "workers", "n", 1, "number of workers, so of commands at once")
	f.BoolVar(&w.process, "process", false, "the command is a worker itself: run it all the time, not once a task")
	f.StringVar(&w.service, "service", "", "service that they offer (default: the default service)")
	f.StringVar(&w.name, "name", "", "name in the answers; of several workers the first is NAME-0")
	f.DurationVar(&w.drain, "drain-timeout", 30*time.Second, "how long tasks in hand may take when it ends; then they are killed")
	return cmd
}

// maxWorkers is a bound against slips; a process can do with a lot more.
const maxWorkers = 10_000

// goThreads is how many threads Go lets a process have before it ends it. A worker
// may need some beyond that: one is locked to a command, lest it be taken for dead
// with the thread that started it, and others wait for its end and write its input.
const goThreads = 10_000

type commandWorkers struct {
	server, service, name string
	workers               int
	process               bool
	drain                 time.Duration

	log        *slog.Logger
	connection nats.Options
	command    workerpool.Handler    // without --process
	processes  *supervise.Supervisor // with it
}

// prepare checks everything that can be wrong with the command line and the
// environment, and returns all of it.
func (w *commandWorkers) prepare(args []string) error {
	var faults []error
	reject := func(what string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", what, err))
		}
	}
	if w.workers < 1 || w.workers > maxWorkers {
		reject("--workers", fmt.Errorf("%d; allowed: from 1 to %d", w.workers, maxWorkers))
	} else if w.name != "" {
		reject("--name", mesh.CheckToken(mesh.WorkerName(w.name, w.workers-1, w.workers)))
	}
	if w.service != "" {
		reject("--service", mesh.CheckToken(w.service))
	}
	if w.drain <= 0 {
		reject("--drain-timeout", fmt.Errorf("%s; allowed: above 0", w.drain))
	}
	var err error
	w.connection, err = connection(w.server, os.Getenv)
	if err != nil {
		faults = append(faults, err)
	}
	switch {
	case len(args) == 0:
		reject("command", errors.New("missing; it follows the flags, or --"))
	case w.process:
		w.processes, err = supervise.New(supervise.Config{
			Program: args, Processes: w.workers, Name: cmp.Or(w.name, "worker"), Service: w.service,
			URL: strings.Join(w.connection.Servers, ","), Logger: w.log,
		})
		reject("command", err)
	default:
		w.command, err = workerpool.Command(args[0], args[1:]...)
		reject("command", errors.Unwrap(err))
	}
	return errors.Join(faults...)
}

// run serves tasks until ctx ends, and the workers have left.
func (w *commandWorkers) run(ctx context.Context) error {
	c := &conversation{log: w.log, leaving: ctx}
	w.connection.Name = cmp.Or(w.name, "brokermesh worker")
	c.follow(&w.connection)
	nc, err := w.connection.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { c.leave(nc) })()

	err = workerpool.Run(ctx, nc, workerpool.Config{
		Workers: w.workers, Service: w.service, Name: w.name, DrainTimeout: w.drain, Logger: w.log,
	}, workerpool.LogFailures(w.command, w.log))
	if ctx.Err() != nil && errors.Is(err, nats.ErrConnectionClosed) {
		return nil // see leave
	}
	if err == nil {
		w.log.Info("left")
	}
	return err
}

// supervise runs the worker processes until ctx ends, and they have.
func (w *commandWorkers) supervise(ctx context.Context) {
	w.log.Info("worker processes started", "workers", w.workers, "url", mesh.RedactURLs(w.connection.Servers...))
	w.processes.Run(ctx, func() time.Duration {
		w.log.Info("leaving")
		return w.drain
	})
	w.log.Info("left")
}
