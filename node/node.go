package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
	"github.com/brokermesh/brokermesh/workerpool/supervise"
)

// ErrEnded is what those get who ask something of a node that has ended.
var ErrEnded = errors.New("the node has ended")

func (n *Node) hasEnded() error { return fmt.Errorf("%s: %w", n.cfg.Name, ErrEnded) }

// Node is one broker. Its exported methods may be called from any goroutine.
type Node struct {
	cfg         Config
	log         *slog.Logger
	incarnation mesh.Incarnation

	begun  atomic.Bool   // Run was called, or Close made that impossible
	ready  chan struct{} // closed when the node serves
	kill   chan struct{} // closed by Close
	ended  chan struct{} // closed when Run has returned
	killed sync.Once

	// Set before ready is closed, and not changed after.
	local  *localServer
	cloud  *cloudPlane
	health string // URL; "": none

	loop      *loop
	processes *supervise.Supervisor // nil: the node has no worker processes
	crew      chan struct{}         // holds one if their status has changed
}

// New checks a configuration and returns a node that does nothing until Run. The
// error joins every Fault of the configuration.
func New(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("no random numbers: %w", err)
	}
	return &Node{
		cfg:         cfg,
		log:         cfg.Logger.With("node", cfg.Name),
		incarnation: mesh.NewIncarnation(binary.BigEndian.Uint64(random[:])),
		ready:       make(chan struct{}),
		kill:        make(chan struct{}),
		ended:       make(chan struct{}),
		crew:        make(chan struct{}, 1),
	}, nil
}

// Run starts the node and serves until ctx ends; then the node drains: it
// announces that it takes no more tasks, finishes those it has within
// DrainTimeout, says goodbye to the peers that it can reach, and Run returns nil.
// It returns an error if the node cannot start, has to give up its name
// (ErrNameTaken), is told by a server of its own that it broke the protocol, or cannot
// speak to its own local server at the end. When it returns, nothing of the node is
// left: no goroutine, connection or listener.
//
// Run may be called once; a second call, or one after Close, returns an error at
// once.
func (n *Node) Run(ctx context.Context) error {
	if !n.begun.CompareAndSwap(false, true) {
		return errors.New("node: Run or Close was called before")
	}
	defer close(n.ended)
	return n.serve(ctx)
}

// serve shows the order of start and end in one place: servers, connections,
// name, loop; and back.
func (n *Node) serve(ctx context.Context) (err error) {
	id := n.cfg.Name + "-" + n.incarnation.String() // server names are unique for each start
	if err := checkFree("Listen", n.cfg.Listen); err != nil {
		return err // rather now than after a question to the mesh
	}
	endHealth, err := n.startHealth()
	if err != nil {
		return err
	}
	defer endHealth()
	p := &plane{log: n.log, closed: make(chan error, 1), cut: make(chan error, 1)}
	if n.cloud, err = openCloudPlane(id, n.cfg, p); err != nil {
		return err
	}
	defer n.cloud.close()
	p.cloud = n.cloud.conn
	if p.link, err = link.Open(p.cloud, n.cfg.Name, n.cloud.server != nil); err != nil {
		return err
	}
	if err := n.claimName(ctx, p.link); err != nil {
		return err
	}

	// Last, for whoever finds the port open expects to be served.
	if n.local, err = startLocalServer(id, n.cfg.Listen, n.log); err != nil {
		return err
	}
	defer stop(n.local.Server)
	if p.system, err = connect(n.local.Server, n.cfg.Name, n.local.systemUser(), onClosed(p.closed, "its local server")); err != nil {
		return err
	}
	defer p.system.Close()
	if p.local, err = connect(n.local.Server, n.cfg.Name, p.onError(), onClosed(p.closed, "its local server")); err != nil {
		return err
	}
	defer p.local.Close()
	if n.loop, err = newLoop(n, p); err != nil {
		return err
	}
	endWorkers, err := n.startWorkers(p.onError())
	if err != nil {
		return err
	}
	defer endWorkers()
	return n.loop.serve(ctx)
}

// Close ends the node at once, as a crash would: nothing is drained and no
// goodbye is said. To end it gracefully, end Run's context. Close waits until
// Run has returned, if it was called; it may be called any number of times.
func (n *Node) Close() error {
	n.killed.Do(func() { close(n.kill) })
	if n.begun.CompareAndSwap(false, true) {
		close(n.ended) // never ran, never will
	}
	<-n.ended
	return nil
}

// Name returns the node's name.
func (n *Node) Name() string { return n.cfg.Name }

// Ready returns a channel that is closed when the node serves. It stays open if
// Run fails before.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Done returns a channel that is closed when Run has returned.
func (n *Node) Done() <-chan struct{} { return n.ended }

// LocalURL is where clients and workers connect. It, CloudURL, ClusterAddr and
// HealthURL are empty until the node is ready.
func (n *Node) LocalURL() string { return n.ifReady(func() string { return n.local.ClientURL() }) }

// CloudURL is where tools connect to the cloud plane.
func (n *Node) CloudURL() string {
	return n.ifReady(func() string { return mesh.RedactURLs(n.cloud.url) })
}

// ClusterAddr is the host:port that other nodes name in their Peers; "" on an
// existing NATS.
func (n *Node) ClusterAddr() string {
	return n.ifReady(func() string { return n.cloud.clusterAddr() })
}

// HealthURL is where HTTP probes ask; "" if they cannot. See Config.HealthListen.
func (n *Node) HealthURL() string { return n.ifReady(func() string { return n.health }) }

func (n *Node) ifReady(get func() string) string {
	select {
	case <-n.ready:
		return get()
	default:
		return ""
	}
}

// Connect returns an in-process connection to the node's local server, for a
// client or for workers. It waits until the node is ready, and fails if ctx or
// the node ends before.
func (n *Node) Connect(ctx context.Context, opts ...nats.Option) (*nats.Conn, error) {
	if err := n.await(ctx); err != nil {
		return nil, err
	}
	return dial(n.local.Server, opts...)
}

// ConnectCloud is Connect for the node's side of the cloud plane.
func (n *Node) ConnectCloud(ctx context.Context, opts ...nats.Option) (*nats.Conn, error) {
	if err := n.await(ctx); err != nil {
		return nil, err
	}
	return n.cloud.connect(opts...)
}

// ask hands the loop a question and waits for its answer, until ctx or the node
// ends. The answer has room in its channel: the loop does not wait.
func ask[Q, A any](ctx context.Context, n *Node, to chan<- Q, question Q, answer <-chan A) (a A, err error) {
	select {
	case to <- question:
	case <-ctx.Done():
		return a, ctx.Err()
	case <-n.ended:
		return a, n.hasEnded()
	}
	select {
	case a = <-answer:
		return a, nil
	case <-ctx.Done():
		return a, ctx.Err()
	case <-n.ended:
	}
	select {
	case a = <-answer: // its last
		return a, nil
	default:
		return a, n.hasEnded()
	}
}

// await waits until the node serves; the error says why it does not.
func (n *Node) await(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-n.ready:
	case <-n.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-n.ended:
		return n.hasEnded()
	default:
		return nil
	}
}
