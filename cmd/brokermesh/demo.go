package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// demoOptions sizes the demo. The defaults are those of the guide's peering3:
// ten clients and five workers a cluster.
type demoOptions struct {
	nodes       int
	clients     int
	workers     int
	serviceTime time.Duration
	kill        time.Duration
	every       time.Duration
	length      time.Duration
	only        string
	plain       bool
	picture     bool
}

// demoCommand runs a whole mesh in this process.
func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a mesh of several nodes in this process, with clients and workers",
		Long: `Run a mesh of several nodes in this process until Ctrl-C or --for. Clients send
bursts of tasks and pause, workers are busy for random times. On a terminal it
is a live view, else lines; at the end a table tells who did what.

A client complains of a task that is not answered in ten seconds. As real
clients do, it sends a task again that got no answer because its node went
down, or an error for one: execution is at least once. A task is lost if it is
not answered within 30 seconds all the same. A task that was lost or answered
wrongly makes the exit status 1.`,
		Args: noArguments(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return failed(demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "nodes: DC1, DC2 ...")
	f.IntVar(&o.clients, "clients", 10, "clients of each node")
	f.IntVar(&o.workers, "workers", 5, "workers of each node")
	f.DurationVar(&o.serviceTime, "service-time", 200*time.Millisecond, "mean time that a worker is busy with a task")
	f.DurationVar(&o.kill, "kill", 0, "how often a random node crashes, with its workers; it is back 2s later; 0: never")
	f.DurationVar(&o.every, "every", 2*time.Second, "how often the report is printed when there is no live view")
	f.DurationVar(&o.length, "for", 0, "how long it runs; 0: until Ctrl-C")
	f.StringVar(&o.only, "only", "", `"flow": print the way of each task and no report`)
	f.BoolVar(&o.plain, "plain", false, "lines instead of the live view, as without a terminal, with NO_COLOR, CI or TERM=dumb")
	f.BoolVar(&o.picture, "picture", false, "print nothing but the live view as it last was")
	_ = f.MarkHidden("picture") // for `make picture`; fails if there is no such flag
	return cmd
}

// check returns all faults of the command line at once.
func (o demoOptions) check() error {
	var faults []error
	need := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New(fault))
		}
	}
	need(1 <= o.nodes && o.nodes <= 30, "--nodes: from 1 to 30")
	need(1 <= o.clients && o.clients <= 1000, "--clients: from 1 to 1000")
	need(1 <= o.workers && o.workers <= 1000, "--workers: from 1 to 1000")
	need(o.serviceTime > 0, "--service-time: above 0")
	need(o.kill == 0 || o.kill >= 100*time.Millisecond, "--kill: 100ms or more; 0: never")
	need(o.every >= 100*time.Millisecond, "--every: 100ms or more")
	need(o.length >= 0, "--for: 0 or more")
	need(o.only == "" || o.only == "flow", "--only: flow")
	return errors.Join(faults...)
}

var errCut = errors.New("ended before every task was answered")

// demo runs the mesh, then its workers and clients, until ctx, its time or its
// user ends it, and ends them in the other order.
func demo(ctx context.Context, out, logs io.Writer, o demoOptions) error {
	s := newScreen(out, logs, o)
	defer func() { _ = s.close() }() // when this ends early; the error is looked at below
	m, err := startDemoMesh(ctx, o, s)
	if err != nil && ctx.Err() != nil {
		return nil // Ctrl-C before there was anything to end
	}
	if err != nil {
		return err
	}
	defer m.end()
	s.introduce(m)

	sending, stop := context.WithCancel(ctx)
	defer stop()
	if o.length > 0 {
		sending, stop = context.WithTimeout(ctx, o.length)
		defer stop()
	}
	t := newTally(m.names(), s)
	clients, err := m.startClients(sending, o, t)
	if err != nil {
		return err
	}
	m.startCrashes(sending, o)
	m.show(sending, o, t)
	stop()
	if err := s.close(); err != nil {
		return err
	}
	if o.picture {
		out = io.Discard
	}
	if n := t.open(); n > 0 {
		fmt.Fprintf(out, "\nending: %d tasks are on their way; Ctrl-C ends it at once\n", n)
	}
	if !clients.wait(ctx) {
		return errCut
	}
	nodes := m.survey(context.WithoutCancel(ctx))
	m.end() // what it has to say comes before the summary
	return t.summary(out, nodes)
}

// show keeps the screen up to date until sending ends or the user wants to end.
func (m *demoMesh) show(sending context.Context, o demoOptions, t *tally) {
	began := time.Now()
	tick := time.NewTicker(m.screen.every(o))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.screen.show(report{
				at: time.Now(), ran: time.Since(began), length: o.length,
				nodes: m.survey(sending), tally: t.snapshot(),
			})
		case <-m.screen.quit():
			return
		case <-sending.Done():
			return
		}
	}
}
