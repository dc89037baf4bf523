package nodetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
)

// Timeout bounds every wait of the helpers; a test that meets it fails. It is
// far above what anything takes, so that a slow machine does not.
const Timeout = 30 * time.Second

// Mesh is a running mesh. Its methods fail the test instead of returning
// errors; call them from the test's own goroutine.
type Mesh struct {
	t     testing.TB
	opts  []Option
	log   *slog.Logger
	names []string
	nodes map[string]*running
}

// running is one node and what it needs to come back.
type running struct {
	*node.Node
	cfg   node.Config
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run; read it after ended
}

// Option changes the configuration that nodes start from.
type Option func(*node.Config)

// WithConfig changes any field of the nodes' configuration but name, addresses
// and peers. The function is called for each node before its first start, with
// the name set, so that nodes can differ.
func WithConfig(change func(*node.Config)) Option { return change }

// Start runs n nodes, DC1 to DCn, and waits until all know each other. They end
// with the test. Log lines of level warn and above appear in the test's log if
// the test fails or runs verbosely.
func Start(t testing.TB, n int, opts ...Option) *Mesh {
	t.Helper()
	m := &Mesh{t: t, opts: opts, nodes: make(map[string]*running)}
	m.log = slog.New(slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	t.Cleanup(m.close)
	for i := range n {
		m.Add(fmt.Sprintf("DC%d", i+1))
	}
	m.AwaitMesh()
	return m
}

// Add runs one more node, seeded with the first that runs. It does not wait
// until the others know it; AwaitMesh does.
func (m *Mesh) Add(name string) *node.Node {
	m.t.Helper()
	if m.nodes[name] != nil && m.alive(name) {
		m.t.Fatalf("node %s is running", name)
	}
	cfg := node.Config{Name: name, Logger: m.log}
	for _, o := range m.opts {
		o(&cfg)
	}
	cfg.Name = name
	own := Addresses(m.t, 3)
	cfg.Listen, cfg.CloudListen, cfg.ClusterListen = own[0], own[1], own[2]
	for _, other := range m.names {
		if m.alive(other) && cfg.CloudURL == "" {
			cfg.Peers = []string{m.nodes[other].ClusterAddr()}
			break
		}
	}
	if m.nodes[name] == nil {
		m.names = append(m.names, name)
	}
	return m.run(cfg)
}

func (m *Mesh) run(cfg node.Config) *node.Node {
	m.t.Helper()
	n, err := node.New(cfg)
	if err != nil {
		m.t.Fatalf("node %s: %v", cfg.Name, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Node: n, cfg: cfg, stop: stop, ended: make(chan struct{})}
	m.nodes[cfg.Name] = r
	go func() {
		defer close(r.ended)
		r.err = n.Run(ctx)
	}()
	select {
	case <-n.Ready():
	case <-r.ended:
		m.t.Fatalf("node %s: %v", cfg.Name, r.err)
	case <-time.After(Timeout):
		m.t.Fatalf("node %s did not get ready within %s", cfg.Name, Timeout)
	}
	// On the same ports it can come back to where the others look for it.
	r.cfg.Listen = address(n.LocalURL())
	if cfg.CloudURL == "" {
		r.cfg.CloudListen = address(n.CloudURL())
		r.cfg.ClusterListen = n.ClusterAddr()
	}
	return n
}

func address(url string) string { return url[len("nats://"):] }

// Names returns the names of the nodes in the order they were first started.
func (m *Mesh) Names() []string { return m.names }

// Node returns the running node of that name.
func (m *Mesh) Node(name string) *node.Node { m.t.Helper(); return m.find(name).Node }

func (m *Mesh) find(name string) *running {
	m.t.Helper()
	r := m.nodes[name]
	if r == nil {
		m.t.Fatalf("there is no node %s", name)
	}
	return r
}

func (m *Mesh) alive(name string) bool {
	select {
	case <-m.nodes[name].Done():
		return false
	default:
		return true
	}
}

// Kill ends a node as a crash would: no drain, no goodbye.
func (m *Mesh) Kill(name string) {
	m.t.Helper()
	_ = m.find(name).Close() // never fails
}

// Shutdown ends a node gracefully and waits until it has ended.
func (m *Mesh) Shutdown(name string) {
	m.t.Helper()
	r := m.find(name)
	r.stop()
	select {
	case <-r.ended:
	case <-time.After(Timeout + r.cfg.DrainTimeout):
		m.t.Fatalf("node %s did not end", name)
	}
	if r.err != nil {
		m.t.Errorf("node %s ended with: %v", name, r.err)
	}
}

// Restart runs a node that was killed or shut down again, as a new incarnation
// on the same addresses.
func (m *Mesh) Restart(name string) *node.Node {
	m.t.Helper()
	r := m.find(name)
	if m.alive(name) {
		m.t.Fatalf("node %s is running", name)
	}
	cfg := r.cfg
	cfg.Peers = nil
	for _, other := range m.names {
		if other != name && m.alive(other) && cfg.CloudURL == "" {
			cfg.Peers = append(cfg.Peers, m.nodes[other].ClusterAddr())
		}
	}
	return m.run(cfg)
}

// Client returns a new in-process connection to a node's local server, closed
// with the test.
func (m *Mesh) Client(name string, opts ...nats.Option) *nats.Conn {
	m.t.Helper()
	return m.connected(m.find(name).Connect, opts)
}

// CloudClient is Client for a node's side of the cloud plane.
func (m *Mesh) CloudClient(name string, opts ...nats.Option) *nats.Conn {
	m.t.Helper()
	return m.connected(m.find(name).ConnectCloud, opts)
}

func (m *Mesh) connected(connect func(context.Context, ...nats.Option) (*nats.Conn, error), opts []nats.Option) *nats.Conn {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	nc, err := connect(ctx, opts...)
	if err != nil {
		m.t.Fatalf("connect: %v", err)
	}
	m.t.Cleanup(nc.Close)
	return nc
}

// close ends all nodes at once. Tests that care how a node ends do so before.
func (m *Mesh) close() {
	var all sync.WaitGroup
	for _, r := range m.nodes {
		all.Go(func() {
			_ = r.Close()
			r.stop()
		})
	}
	all.Wait()
}

// testLog writes log lines to the test's log.
type testLog struct{ t testing.TB }

func (l *testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimRight(line, "\n"))
	return len(line), nil
}
