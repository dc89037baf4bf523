package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/workerpool"
)

// anyPort takes a free one.
const anyPort = "127.0.0.1:0"

// cluster is one node of the demo with its workers. It can crash and come back.
type cluster struct {
	mesh *demoMesh
	cfg  node.Config // with the addresses that the first start got
	size demoOptions

	mu      sync.Mutex
	node    *node.Node
	workers *nats.Conn
	up      bool
	crashes int
	past    uint64 // redispatched by the nodes that crashed
}

// standing is what a cluster is doing.
type standing struct {
	name, local, cloud    string
	up                    bool
	workers, busy, queued int
	redispatched          uint64 // attempts that were lost, or found nobody, and were made anew
	crashes               int
}

func newCluster(m *demoMesh, name string, o demoOptions) *cluster {
	return &cluster{mesh: m, size: o, cfg: node.Config{
		Name: name, Listen: anyPort, CloudListen: anyPort, ClusterListen: anyPort,
		DrainTimeout: 5 * time.Second, Logger: m.screen.logger(),
	}}
}

// start starts the node, again or for the first time, and gives it its workers.
func (c *cluster) start() error {
	cfg := c.cfg
	for _, other := range c.mesh.clusters {
		if other != c {
			cfg.Peers = append(cfg.Peers, other.cfg.ClusterListen)
		}
	}
	n, err := c.mesh.run(cfg)
	if err != nil {
		return err
	}
	nc, err := c.mesh.startWorkers(n, c.size)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node, c.workers, c.up = n, nc, true
	return nil
}

// settle has the node come back, if it crashes, to where others look for it.
func (c *cluster) settle() {
	c.cfg.Listen, c.cfg.CloudListen, c.cfg.ClusterListen = address(c.node.LocalURL()), address(c.node.CloudURL()), c.node.ClusterAddr()
}

func address(url string) string { return strings.TrimPrefix(url, "nats://") }

// run runs a node and waits until it serves.
func (m *demoMesh) run(cfg node.Config) (*node.Node, error) {
	n, err := node.New(cfg)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	m.running.Go(func() { ended <- n.Run(m.life) })
	select {
	case <-n.Ready():
		return n, nil
	case err := <-ended:
		return nil, err
	}
}

// startWorkers gives a node workers: they are busy for an exponentially
// distributed time, and answer with the task's own payload.
func (m *demoMesh) startWorkers(n *node.Node, o demoOptions) (*nats.Conn, error) {
	nc, err := n.Connect(m.life, nats.MaxReconnects(-1), nats.ErrorHandler(m.complain))
	if err != nil {
		return nil, err
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
		cfg := workerpool.Config{Workers: o.workers, Name: n.Name() + "-worker"}
		err := workerpool.Run(m.work, nc, cfg, workerpool.HandlerFunc(busy))
		if err != nil && !nc.IsClosed() { // closed: they crashed
			m.screen.event(n.Name() + "'s workers: " + err.Error())
		}
	})
	return nc, nil
}

// complain shows what a connection of the demo has to say: nats.go would print
// it across the live view.
func (m *demoMesh) complain(_ *nats.Conn, _ *nats.Subscription, err error) {
	m.screen.event(err.Error())
}

// lookTimeout bounds a look at a node.
const lookTimeout = time.Second

// standing tells what the cluster is doing.
func (c *cluster) standing(ctx context.Context) standing {
	c.mu.Lock()
	n, s := c.node, standing{name: c.cfg.Name, up: c.up, crashes: c.crashes, redispatched: c.past}
	c.mu.Unlock()
	s.local, s.cloud = "nats://"+c.cfg.Listen, "nats://"+c.cfg.CloudListen
	if !s.up {
		return s
	}
	// The end of the demo is not the end of the node: a last look is still true.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer done()
	v, err := n.View(ctx)
	if err != nil {
		s.up = false
		return s
	}
	load := v.Load("")
	s.workers, s.busy, s.queued = load.Workers, load.Workers-load.Idle, load.Waiting
	s.redispatched += again(v.Stats)
	return s
}

func again(s node.Stats) uint64 { return s.Lost + s.Undelivered }
