package main

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// As many workers as are allowed do not run into Go's limit of threads, of which
// each has some.
func TestThreadsForAllWorkers(t *testing.T) {
	before := debug.SetMaxThreads(goThreads)
	defer debug.SetMaxThreads(before)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	out := newOutput()
	if status := run(ctx, []string{"worker", "-s", "nats://127.0.0.1:1", "-n", "10000", "--", "cat"}, out, out); status != 0 {
		t.Errorf("exit status %d: %s", status, out)
	}
	if limit := debug.SetMaxThreads(before); limit < goThreads+3*maxWorkers {
		t.Errorf("%d threads are allowed", limit)
	}
}

// Workers at a cloud port are told that there is nobody to give them a task.
func TestWorkerOnTheCloudPort(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, status := newOutput(), make(chan int, 1)
	url := nodetest.Start(t, 1).Node("DC1").CloudURL()
	go func() { status <- run(ctx, []string{"worker", "-s", url, "--", "cat"}, out, out) }()
	out.await(t, 0, "is this the local port of a node?")
	stop()
	if s := <-status; s != 0 {
		t.Errorf("exit status %d: %s", s, out)
	}
}
