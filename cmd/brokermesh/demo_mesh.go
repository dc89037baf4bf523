package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/brokermesh/brokermesh/node"
)

// demoMesh is the clusters of the demo.
type demoMesh struct {
	clusters []*cluster
	screen   screen

	life context.Context // of the nodes; it outlives the clients and the workers
	stop context.CancelFunc
	work context.Context // of the workers
	rest context.CancelFunc

	running sync.WaitGroup // nodes
	workers sync.WaitGroup
	crashes sync.WaitGroup
}

// demoListen is that of DC1, if it is free: there the nats command looks first.
var demoListen = "127.0.0.1:4222"

// startDemoMesh starts the nodes, each seeded with those before it, and their
// workers.
func startDemoMesh(ctx context.Context, o demoOptions, s screen) (*demoMesh, error) {
	m := &demoMesh{screen: s}
	// They outlive ctx: first the clients end, then the workers, then the nodes.
	m.life, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	m.work, m.rest = context.WithCancel(m.life)
	if err := m.start(ctx, o); err != nil {
		m.end()
		return nil, err
	}
	return m, nil
}

func (m *demoMesh) start(ctx context.Context, o demoOptions) error {
	for i := range o.nodes {
		c := newCluster(m, fmt.Sprintf("DC%d", i+1), o)
		if i == 0 {
			c.cfg.Listen = demoListen
		}
		err := c.start()
		if err != nil && i == 0 { // another server is at home there
			c.cfg.Listen = anyPort
			err = c.start()
		}
		if err != nil {
			return err
		}
		c.settle()
		m.clusters = append(m.clusters, c)
	}
	for _, c := range m.clusters {
		if _, err := c.node.Await(ctx, func(v node.View) bool { return complete(v, o) }); err != nil {
			return err
		}
	}
	return nil
}

// complete reports whether a node knows all workers of the mesh.
func complete(v node.View, o demoOptions) bool {
	known := v.Load("").Workers
	for _, p := range v.Peers {
		load, _ := v.Peer(p.Name, "")
		known += load.Workers
	}
	return known == o.nodes*o.workers
}

func (m *demoMesh) names() []string {
	names := make([]string, len(m.clusters))
	for i, c := range m.clusters {
		names[i] = c.cfg.Name
	}
	return names
}

// survey asks every node what it is doing.
func (m *demoMesh) survey(ctx context.Context) []standing {
	all := make([]standing, len(m.clusters))
	for i, c := range m.clusters {
		all[i] = c.standing(ctx)
	}
	return all
}

// end waits until those nodes are back that crashed, stops the workers politely,
// then the nodes.
func (m *demoMesh) end() {
	m.rest()
	m.crashes.Wait()
	m.workers.Wait()
	m.stop()
	m.running.Wait()
}
