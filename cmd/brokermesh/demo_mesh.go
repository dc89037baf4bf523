package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/workerpool"
)

// demoMesh is the nodes of the demo and their workers.
type demoMesh struct {
	nodes   []*node.Node
	stop    context.CancelFunc // of the nodes
	running sync.WaitGroup

	stopWorkers context.CancelFunc
	workers     sync.WaitGroup
}

const demoListen = "127.0.0.1:4222" // of DC1, if it is free: there the nats command looks first

// startDemoMesh starts the nodes, each seeded with the first, and the workers.
func startDemoMesh(ctx context.Context, o demoOptions) (*demoMesh, error) {
	m := &demoMesh{}
	// They outlive ctx: first the clients end, then the workers, then the nodes.
	nodes, stop := context.WithCancel(context.WithoutCancel(ctx))
	work, stopWorkers := context.WithCancel(context.WithoutCancel(ctx))
	m.stop, m.stopWorkers = stop, stopWorkers
	for i := range o.nodes {
		name := fmt.Sprintf("DC%d", i+1)
		if err := m.startNode(nodes, name); err != nil {
			m.end()
			return nil, err
		}
		if err := m.startWorkers(work, m.nodes[i], o); err != nil {
			m.end()
			return nil, err
		}
	}
	for _, n := range m.nodes {
		if _, err := n.Await(ctx, func(v node.View) bool { return m.complete(v, o) }); err != nil {
			m.end()
			return nil, err
		}
	}
	return m, nil
}

// complete reports whether a node knows all workers of the mesh.
func (m *demoMesh) complete(v node.View, o demoOptions) bool {
	known := v.Load("").Workers
	for _, p := range v.Peers {
		load, _ := v.Peer(p.Name, "")
		known += load.Workers
	}
	return known == o.nodes*o.workers
}

// startNode starts one node and waits until it serves.
func (m *demoMesh) startNode(ctx context.Context, name string) error {
	cfg := node.Config{Name: name, Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0"}
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if len(m.nodes) > 0 {
		cfg.Peers = []string{m.nodes[0].ClusterAddr()}
		return m.runNode(ctx, cfg)
	}
	cfg.Listen = demoListen
	if m.runNode(ctx, cfg) == nil {
		return nil
	}
	cfg.Listen = "127.0.0.1:0" // another server is at home there
	return m.runNode(ctx, cfg)
}

func (m *demoMesh) runNode(ctx context.Context, cfg node.Config) error {
	n, err := node.New(cfg)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	m.running.Go(func() { ended <- n.Run(ctx) })
	select {
	case <-n.Ready():
		m.nodes = append(m.nodes, n)
		return nil
	case err := <-ended:
		return err
	}
}

// startWorkers gives a node its workers: they are busy for an exponentially
// distributed time, and answer with the task's own payload.
func (m *demoMesh) startWorkers(ctx context.Context, n *node.Node, o demoOptions) error {
	nc, err := n.Connect(ctx)
	if err != nil {
		return err
	}
	busy := func(ctx context.Context, t *workerpool.Task) ([]byte, error) {
		pause := time.NewTimer(time.Duration(rand.ExpFloat64() * float64(o.serviceTime)))
		defer pause.Stop()
		select {
		case <-pause.C:
			return t.Data, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m.workers.Go(func() {
		defer nc.Close()
		if err := workerpool.Run(ctx, nc, workerpool.Config{Workers: o.workers, Name: n.Name() + "-worker"}, workerpool.HandlerFunc(busy)); err != nil {
			slog.Error("workers", "node", n.Name(), "error", err)
		}
	})
	return nil
}

func (m *demoMesh) names() []string {
	names := make([]string, len(m.nodes))
	for i, n := range m.nodes {
		names[i] = n.Name()
	}
	return names
}

// introduce prints where everything is and what to try by hand.
func (m *demoMesh) introduce(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 4, 3, ' ', 0)
	fmt.Fprintln(table, "node\tclients and workers\tcloud plane")
	for _, n := range m.nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\n", n.Name(), n.LocalURL(), n.CloudURL())
	}
	_ = table.Flush() // what cannot be printed cannot be told either
	local, last := m.nodes[0].LocalURL(), m.nodes[len(m.nodes)-1].Name()
	fmt.Fprintf(out, `
Try from another terminal, with the nats command:
  nats -s %[1]s req localfe hello      # some worker of the mesh answers
  nats -s %[1]s req cloud.%[2]s hello    # a worker of %[2]s alone
  nats -s %[1]s sub 'state.>'          # what the nodes say of themselves

`, local, last)
}

// report prints what each node is doing.
func (m *demoMesh) report(ctx context.Context, out io.Writer, t *tally) {
	stamp := time.Now().Format(time.TimeOnly)
	for _, n := range m.nodes {
		v, err := n.View(ctx)
		if err != nil {
			return // it ends
		}
		l, s := v.Load(""), v.Stats
		fmt.Fprintf(out, "%s  %s  workers %d, idle %d, waiting %d;  its clients' tasks: %d done here, %d by peers;  did %d for peers\n",
			stamp, n.Name(), l.Workers, l.Idle, l.Waiting, s.Answered-s.DoneAway, s.DoneAway, s.GuestsDone)
	}
	fmt.Fprintf(out, "%s  last: %s\n", stamp, t.lastTask())
}

// end stops the workers politely, then the nodes.
func (m *demoMesh) end() {
	m.stopWorkers()
	m.workers.Wait()
	m.stop()
	m.running.Wait()
}
