//go:build unix

package node_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A node's own workers do tasks as others do, and are named after it.
func TestOwnWorkers(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) {
		c.Workers, c.WorkerCommand = 3, "tr a-z A-Z | tr O 0"
	}))
	m.AwaitWorkers("DC1", "", 3)
	answer := m.Request("DC1", "", []byte("hello"))
	wantAnswer(t, answer, "HELL0", "DC1")
	if name := answer.Header.Get(mesh.HeaderWorker); !strings.HasPrefix(name, "DC1-worker-") {
		t.Errorf("done by %q", name)
	}
}

// A command alone is one worker; the longest name leaves room for its own.
func TestOwnWorkerOfLongName(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("n", mesh.MaxToken)
	n := newNode(t, name, func(c *node.Config) { c.WorkerCommand = "cat" })
	stop, result := run(n)
	receive(t, n.Ready())
	nc, err := n.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answer := receive(t, ask(t, nc, task("x")))
	wantAnswer(t, answer, "x", name)
	if by := answer.Header.Get(mesh.HeaderWorker); by != name[:mesh.MaxToken-11]+"-worker" {
		t.Errorf("done by %q", by)
	}
	stop()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

// During the drain they go on; the tasks in hand and those that wait are done.
func TestOwnWorkersDrain(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) {
		c.WorkerCommand = "until [ -e '" + gate + "' ]; do sleep 0.05; done; cat"
	}))
	client := m.Client("DC1")
	first, second := ask(t, client, task("1")), ask(t, client, task("2"))
	m.Await("DC1", "a task in hand and one that waits", func(v node.View) bool {
		l := v.Load("")
		return l.Workers == 1 && l.Idle == 0 && l.Waiting == 1
	})
	ended := shutdown(m, "DC1")
	awaitDraining(t, client)
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, receive(t, first), "1", "DC1")
	wantAnswer(t, receive(t, second), "2", "DC1")
	receive(t, ended)
}

// Worker processes are shown, in the view and to others, and a node that ends in
// any way leaves none.
func TestOwnProcesses(t *testing.T) { // not parallel: what others run is no leak
	before := goleak.IgnoreCurrent()
	for _, end := range []string{"close", "drain"} {
		n := newNode(t, "DC1", func(c *node.Config) { c.WorkerProcess, c.Workers = "exec sleep 3600", 2 })
		stop, result := run(n)
		v, err := n.Await(t.Context(), func(v node.View) bool { return v.Processes.Running == 2 })
		if err != nil {
			t.Fatal(err)
		}
		if p := v.Processes; p.Starts != 2 || p.Wanted != 2 || p.Crashes != 0 || p.Circuit != "closed" {
			t.Errorf("%+v", p)
		}
		if end == "close" {
			_ = n.Close()
		}
		stop()
		if err := receive(t, result); err != nil {
			t.Errorf("%s: %v", end, err)
		}
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
			t.Errorf("a child is left: %d, %v", pid, err)
		}
	}
	goleak.VerifyNone(t, before)
}

// A program that crashes over and over is counted.
func TestOwnProcessesCrash(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.WorkerProcess = "exit 1" }))
	m.Await("DC1", "an open circuit", func(v node.View) bool {
		p := v.Processes
		return p.Circuit == "open" && p.Crashes >= 6 && p.Opened >= 1 && p.Running == 0
	})
}

// That a command fails is told to those who run it, not only to its client.
func TestOwnWorkersFail(t *testing.T) {
	t.Parallel()
	said := make(lines, 100)
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) {
		c.WorkerCommand, c.Logger = "echo no disk left >&2; exit 3", slog.New(slog.NewTextHandler(said, nil))
	}))
	m.Request("DC1", "", nil)
	for len(said) > 0 {
		if line := <-said; strings.Contains(line, "a task failed") && strings.Contains(line, "exit status 3: no disk left") {
			return
		}
	}
	t.Error("nothing is logged")
}

// lines takes what is logged.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

// A node that is killed, or gives its drain up, takes their commands along. That they
// cannot answer then is no error.
func TestOwnWorkersAreKilled(t *testing.T) { // not parallel: what others run is no leak
	before := goleak.IgnoreCurrent()
	for _, end := range []string{"close", "drain"} {
		said := make(lines, 100)
		n := newNode(t, "DC1", func(c *node.Config) {
			c.WorkerCommand, c.DrainTimeout = "sleep 3600", 1
			c.Logger = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelError}))
		})
		stop, result := run(n)
		receive(t, n.Ready())
		nc, err := n.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, nc, task("x"))
		if _, err := n.Await(t.Context(), func(v node.View) bool { l := v.Load(""); return l.Workers == 1 && l.Idle == 0 }); err != nil {
			t.Fatal(err)
		}
		if end == "close" {
			_ = n.Close()
		}
		stop()
		if err := receive(t, result); err != nil {
			t.Errorf("%s: %v", end, err)
		}
		nc.Close()
		if len(said) > 0 {
			t.Errorf("%s: %s", end, <-said)
		}
	}
	goleak.VerifyNone(t, before)
}
