package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// maxWorkers is a bound against slips; each may be a process at work.
const maxWorkers = 1000

// startWorkers prepares the workers that the configuration asks for, if any; they
// begin when the node is ready. It returns what ends them. That is for the time
// after the drain, which they have to work through: no task is in hand then,
// but what the drain gave up, and no node is there any more to say goodbye to.
func (n *Node) startWorkers(opts ...nats.Option) (end func(), err error) {
	if n.cfg.WorkerCommand == "" {
		return func() {}, nil
	}
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
		err := workerpool.Run(ctx, nc, cfg, command)
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

// workerName returns the name of a node's own workers. A node's name that leaves
// no room for what is appended is cut.
func workerName(node string) string {
	const suffix = "-worker"
	room := mesh.MaxToken - len(suffix) - len("-") - len(strconv.Itoa(maxWorkers-1))
	return node[:min(len(node), room)] + suffix
}
