package main

import (
	"context"
	"errors"
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
	every       time.Duration
	length      time.Duration
}

// demoCommand runs a whole mesh in this process.
func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a mesh of several nodes in this process, with clients and workers",
		Long: `Run a mesh of several nodes in this process, with clients that send bursts of
tasks and workers that are busy for random times, until Ctrl-C or --for. It
prints who did what; a task that was lost or answered wrongly makes it fail.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return failed(demo(cmd.Context(), cmd.OutOrStdout(), o))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "nodes: DC1, DC2 ...")
	f.IntVar(&o.clients, "clients", 10, "clients of each node")
	f.IntVar(&o.workers, "workers", 5, "workers of each node")
	f.DurationVar(&o.serviceTime, "service-time", 200*time.Millisecond, "mean time that a worker is busy with a task")
	f.DurationVar(&o.every, "every", 2*time.Second, "how often the report is printed")
	f.DurationVar(&o.length, "for", 0, "how long it runs; 0: until Ctrl-C")
	return cmd
}

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
	need(o.every >= 100*time.Millisecond, "--every: 100ms or more")
	need(o.length >= 0, "--for: 0 or more")
	return errors.Join(faults...)
}

// demo runs the mesh, then its workers and clients, until ctx or its time ends,
// and ends them in the other order.
func demo(ctx context.Context, out io.Writer, o demoOptions) error {
	m, err := startDemoMesh(ctx, o)
	if err != nil {
		return err
	}
	defer m.end()
	m.introduce(out)

	sending := ctx
	if o.length > 0 {
		var cancel context.CancelFunc
		sending, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	t := newTally(m.names())
	clients, err := m.startClients(sending, o, t)
	if err != nil {
		return err
	}
	report := time.NewTicker(o.every)
	defer report.Stop()
	for clients.running() {
		select {
		case <-report.C:
			m.report(ctx, out, t)
		case <-clients.done:
		}
	}
	return t.summary(out)
}
