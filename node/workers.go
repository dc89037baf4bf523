package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
	"github.com/brokermesh/brokermesh/workerpool/supervise"
)

// maxWorkers is a bound against slips; each may be a process at work.
const maxWorkers = 1000

// startWorkers prepares the workers that the configuration asks for, if any; they
// begin when the node is ready. It returns what ends them. That is for the time
// after the drain, which they have to work through: no task is in hand then,
// but what the drain gave up, and no node is there any more to say goodbye to.
func (n *Node) startWorkers(opts ...nats.Option) (end func(), err error) {
	switch {
	case n.cfg.WorkerProcess != "":
		return n.startProcesses()
	case n.cfg.WorkerCommand != "":
		return n.startCommands(opts...)
	}
	return func() {}, nil
}

// startCommands is startWorkers for those that run a command for each task.
func (n *Node) startCommands(opts ...nats.Option) (end func(), err error) {
	command, err := workerpool.Command("sh", "-c", n.cfg.WorkerCommand)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable("WorkerCommand"), err)
	}
	cfg := workerpool.Config{Workers: max(1, n.cfg.Workers), Name: workerName(n.cfg.Name), Logger: n.log}
	nc, err := connect(n.local.Server, cfg.Name, opts...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-n.ready:
		case <-ctx.Done():
			return
		}
		n.log.Info("workers started", "workers", cfg.Workers)
		err := workerpool.Run(ctx, nc, cfg, workerpool.LogFailures(command, n.log))
		if !errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, workerpool.ErrStuck) {
			n.log.Error("the node's own workers ended", "error", err)
		}
	}()
	return func() {
		nc.Close() // first: so nobody tries to say goodbye
		cancel()
		<-ended
	}, nil
}

// endGrace bounds how long the worker processes of a node that has drained may
// take to end: they have no task.
const endGrace = 5 * time.Second

// startProcesses is startWorkers for worker processes. Their end is within the
// drain timeout. At once it comes when that has passed, for what they have in hand
// is answered then, and to a node that does not drain.
func (n *Node) startProcesses() (end func(), err error) {
	address, err := reachable(n.local.ClientURL())
	if err != nil {
		return nil, err
	}
	processes, err := supervise.New(supervise.Config{
		Program: []string{"sh", "-c", n.cfg.WorkerProcess}, Processes: max(1, n.cfg.Workers),
		Name: workerName(n.cfg.Name), URL: address, Node: n.cfg.Name, Logger: n.log,
		Changed: func() {
			select {
			case n.crew <- struct{}{}:
			default: // it is told already
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable("WorkerProcess"), err)
	}
	n.processes = processes
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-n.ready:
		case <-ctx.Done():
			return
		}
		n.log.Info("worker processes started", "workers", max(1, n.cfg.Workers), "url", address)
		processes.Run(ctx, func() time.Duration {
			select {
			case <-n.kill:
				return 0
			default:
				return min(endGrace, time.Until(n.loop.giveUp))
			}
		})
	}()
	return func() {
		cancel()
		<-ended
	}, nil
}

// reachable returns the URL of a server with an address in it that one can connect
// to, if the server listens on all there are.
func reachable(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	switch ip := net.ParseIP(u.Hostname()); {
	case !ip.IsUnspecified():
	case ip.To4() != nil:
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	default:
		u.Host = net.JoinHostPort("::1", u.Port())
	}
	return u.String(), nil
}

// workerName returns the name of a node's own workers. A node's name that leaves
// no room for what is appended is cut.
func workerName(node string) string {
	const suffix = "-worker"
	room := mesh.MaxToken - len(mesh.WorkerName(suffix, maxWorkers-1, maxWorkers))
	return node[:min(len(node), room)] + suffix
}
