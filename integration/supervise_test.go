package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
	"github.com/brokermesh/brokermesh/workerpool/supervise"
)

// superviseDir makes this test's own binary a worker process that is supervised.
// It is the folder that the worker is told things in: it crashes at once while
// there is a file "broken", a task "wait" takes until there is one "gate", and it
// holds the pipe "held", if there is one, for as long as it or a child of it lives.
const superviseDir = "TEST_SUPERVISE_DIR"

// supervisedMain is such a worker process. Its tasks are "crash", "say <text>",
// "child", which leaves one behind, "wait", and "name".
func supervisedMain(dir string) error {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	if !there(".") || there("broken") {
		fmt.Fprint(os.Stderr, "it is broken") // no end of line
		os.Exit(3)
	}
	if there("held") {
		if _, err := os.OpenFile(filepath.Join(dir, "held"), os.O_WRONLY, 0); err != nil {
			return err
		}
	}
	nc, err := nats.Connect(os.Getenv(supervise.EnvURL), nats.Timeout(nodetest.Timeout), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("at work")
	err = workerpool.Run(ctx, nc, workerpool.Config{Workers: 1, Name: os.Getenv(supervise.EnvWorker), Service: os.Getenv(supervise.EnvService)},
		workerpool.HandlerFunc(func(_ context.Context, task *workerpool.Task) ([]byte, error) {
			what, text, _ := strings.Cut(string(task.Data), " ")
			switch what {
			case "crash":
				os.Exit(7)
			case "say":
				fmt.Fprint(os.Stderr, text)
			case "child":
				held, err := os.OpenFile(filepath.Join(dir, "held"), os.O_WRONLY, 0)
				if err != nil {
					return nil, err
				}
				child := exec.Command("sleep", "3600")
				child.ExtraFiles = []*os.File{held}
				return nil, child.Start()
			case "wait":
				for !there("gate") && there(".") {
					time.Sleep(20 * time.Millisecond)
				}
			}
			return []byte(os.Getenv(supervise.EnvNode) + " " + os.Getenv(supervise.EnvWorker)), nil
		}))
	if err == nil {
		fmt.Println("left politely")
	}
	return err
}

// supervised is the folder and the settings of a node with such workers.
func supervised(t *testing.T) (dir string, env []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	return dir, []string{superviseDir + "=" + dir, "MESH_WORKER_PROCESS=exec '" + self + "'"}
}

func put(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// awaitProcesses waits for a state of a node's worker processes.
func (w *states) awaitProcesses(what string, holds func(mesh.Processes) bool) mesh.Processes {
	w.t.Helper()
	s := w.await(what, func(s mesh.State) bool { return s.Processes != nil && holds(*s.Processes) })
	return *s.Processes
}

// holdUntilGone makes the pipe that supervised workers hold. The function that it
// returns waits until somebody has opened it, the next one until nobody is left.
func holdUntilGone(t *testing.T, dir string) (open, gone func()) {
	t.Helper()
	path := filepath.Join(dir, "held")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.Open(path) // when somebody else has it open, too
		opened <- f
	}()
	var f *os.File
	t.Cleanup(func() {
		if w, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = w.Close()
		}
		_ = f.Close()
	})
	return func() {
			t.Helper()
			select {
			case f = <-opened:
			case <-time.After(nodetest.Timeout):
				t.Fatal("no worker process holds the pipe")
			}
		}, func() {
			t.Helper()
			if err := f.SetReadDeadline(time.Now().Add(nodetest.Timeout)); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("a process lives on: %v", err)
			}
		}
}

// A worker process that crashes is started again, and its task is done by it.
func TestProcessIsRestarted(t *testing.T) {
	_, env := supervised(t)
	n := startNode(t, "DC1", append(env, "MESH_WORKERS=2", "MESH_MAX_ATTEMPTS=1")...)
	seen := watch(t, n.Local)
	seen.awaitIdle("DC1", 2)
	nc := dial(t, n.Local)
	if m := <-do(t, nc, mesh.SubjectRequest, "name"); m != nil && string(m.Data) != "DC1 "+m.Header.Get(mesh.HeaderWorker) {
		t.Errorf("answer %q by %v", m.Data, m.Header)
	}
	if code, _ := nodetest.ErrorOf(<-do(t, nc, mesh.SubjectRequest, "crash")); code != "500" {
		t.Errorf("the poison was answered %q", code)
	}
	n.await(1, "a worker process ended", "exit status 7", "next_in")
	seen.awaitProcesses("both again", func(p mesh.Processes) bool { return p.Running == 2 && p.Crashes == 1 && p.Circuit == "closed" })
	seen.awaitIdle("DC1", 2)
	n.await(3, "a worker process says", "at work")
}

// A program that always crashes is left alone after a while, and told of; when it
// is mended it is tried again, and the circuit closes.
func TestProcessCrashLoop(t *testing.T) {
	dir, env := supervised(t)
	put(t, dir, "broken")
	n := startNode(t, "DC1", append(env, "MESH_WORKERS=2")...)
	seen := watch(t, n.Local)
	// One slot opens it; the other's process may yet be about to crash.
	open := seen.awaitProcesses("an open circuit and nobody at work", func(p mesh.Processes) bool { return p.Circuit == "open" && p.Running == 0 })
	if open.Wanted != 2 || open.Crashes < 6 || open.Crashes > 12 {
		t.Errorf("open with %+v", open)
	}
	n.await(1, "ERROR", "crash over and over")
	n.await(1, "a worker process says", "it is broken")
	news := brokermesh(t, "watch", nil, "watch", "-s", n.Local)
	news.await(1, "DC1 processes 0 of 2 crashes", "circuit open")
	n.await(1, "one worker process tries")
	seen.awaitProcesses("a try that failed", func(p mesh.Processes) bool { return p.Circuit == "open" && p.Crashes > open.Crashes })
	if err := os.Remove(filepath.Join(dir, "broken")); err != nil {
		t.Fatal(err)
	}
	seen.awaitProcesses("both at work", func(p mesh.Processes) bool { return p.Circuit == "closed" && p.Running == 2 })
	n.await(1, "run well again")
	news.await(1, "DC1 processes", "circuit closed")
	seen.awaitIdle("DC1", 2)
}

// Neither a worker process nor what it has started outlives a node that is killed,
// nor one that gets a second signal.
func TestProcessesDieWithTheNode(t *testing.T) {
	for _, end := range []string{"SIGKILL", "second signal"} {
		t.Run(end, func(t *testing.T) {
			dir, env := supervised(t)
			n := startNode(t, "DC1", append(env, "MESH_DRAIN_TIMEOUT=1h")...)
			seen := watch(t, n.Local)
			seen.awaitOne("", 1)
			nc := dial(t, n.Local)
			open, gone := holdUntilGone(t, dir)
			<-do(t, nc, mesh.SubjectRequest, "child")
			open()
			if end == "SIGKILL" {
				n.signal(syscall.SIGKILL)
				n.awaitDeath(syscall.SIGKILL)
			} else {
				if err := nc.PublishRequest(mesh.SubjectRequest, nc.NewInbox(), []byte("wait")); err != nil {
					t.Fatal(err)
				}
				seen.awaitOne("", 0)
				n.signal(syscall.SIGTERM)
				seen.await("the drain", func(s mesh.State) bool { return s.Draining })
				n.endAtOnce()
			}
			gone()
		})
	}
}

// The same, of the process itself, though it does not care for signals and its
// shell does not become it.
func TestProcessBehindAShellDiesWithTheNode(t *testing.T) {
	dir, env := supervised(t)
	open, gone := holdUntilGone(t, dir)
	self := strings.TrimPrefix(env[1], "MESH_WORKER_PROCESS=exec ")
	n := startNode(t, "DC1", env[0], "MESH_WORKER_PROCESS=trap '' TERM; "+self+"; true")
	watch(t, n.Local).awaitOne("", 1)
	open()
	n.signal(syscall.SIGKILL)
	n.awaitDeath(syscall.SIGKILL)
	gone()
}

// A node that drains lets its processes finish; then they are told to end, say so,
// and leave nobody behind, be there a shell in between or not.
func TestProcessesDrain(t *testing.T) {
	for _, how := range []string{"exec %s", "%s; true"} {
		t.Run(how, func(t *testing.T) {
			dir, env := supervised(t)
			self := strings.TrimPrefix(env[1], "MESH_WORKER_PROCESS=exec ")
			open, gone := holdUntilGone(t, dir)
			n := startNode(t, "DC1", env[0], "MESH_WORKER_PROCESS="+fmt.Sprintf(how, self))
			seen := watch(t, n.Local)
			seen.awaitOne("", 1)
			open()
			nc := dial(t, n.Local)
			first, second := do(t, nc, mesh.SubjectRequest, "wait"), do(t, nc, mesh.SubjectRequest, "wait")
			seen.await("a task that waits", func(s mesh.State) bool { return len(s.Services) == 1 && s.Services[0].Waiting == 1 })
			n.signal(syscall.SIGTERM)
			seen.await("DC1 draining", func(s mesh.State) bool { return s.Draining })
			put(t, dir, "gate")
			expectText(t, <-first, "DC1 DC1-worker", "DC1-worker")
			expectText(t, <-second, "DC1 DC1-worker", "DC1-worker")
			n.awaitStatus(0)
			n.await(1, "a worker process says", "left politely")
			gone()
		})
	}
}

// What a process writes is in the log of the node, by line, bounded, with the name
// of the worker.
func TestProcessOutput(t *testing.T) {
	_, env := supervised(t)
	n := startNode(t, "DC1", env...)
	watch(t, n.Local).awaitOne("", 1)
	nc := dial(t, n.Local)
	<-do(t, nc, mesh.SubjectRequest, "say one\ntwo\n"+strings.Repeat("x", 5000)+"\n"+strings.Repeat("flood\n", 10_000)+"the end")
	n.await(1, `"line":"one"`, `"worker":"DC1-worker"`, `"pid":`)
	n.await(1, `"line":"two"`)
	n.await(1, `"line":"`+strings.Repeat("x", 1024)+`"`, `"cut":true`)
	n.signal(syscall.SIGTERM)
	n.awaitStatus(0)
	n.await(1, "not_logged")
	if flood := strings.Count(n.output(), `"line":"flood"`); flood < 100 || flood > 5000 {
		t.Errorf("%d lines of a flood of 10000 are in the log", flood)
	}
}

// brokermesh worker supervises processes, too: it passes on where the node is, and
// lets the task in hand be finished at the end. One that does not end is killed.
func TestWorkerProcess(t *testing.T) {
	dir, env := supervised(t)
	self := strings.Trim(strings.TrimPrefix(env[1], "MESH_WORKER_PROCESS=exec "), "'")
	n := startNode(t, "DC1")
	worker := func(args ...string) *process {
		return brokermesh(t, "the supervisor", []string{env[0], supervise.EnvNode + "=another's"}, append([]string{"worker", "-s", n.Local, "--process"}, args...)...)
	}
	w := worker("--service", "svc", "--name", "w", "--", self)
	seen := watch(t, n.Local)
	seen.awaitOne("svc", 1)
	answer := do(t, dial(t, n.Local), mesh.WithService(mesh.SubjectRequest, "svc"), "wait")
	seen.awaitOne("svc", 0)
	w.signal(syscall.SIGTERM)
	w.await(1, "leaving")
	put(t, dir, "gate")
	expectText(t, <-answer, " w", "w")
	w.awaitStatus(0)
	w.await(1, "left politely")

	stubborn := worker("--drain-timeout", "200ms", "--", "sh", "-c", "trap '' TERM; echo here; sleep 3600 & wait; sleep 3600")
	stubborn.await(1, "here")
	stubborn.signal(syscall.SIGTERM)
	stubborn.awaitStatus(0)
	stubborn.await(1, "did not end in time")

	wrong := worker("--", "no-such-program")
	wrong.awaitStatus(statusConfig)
	wrong.await(1, "no-such-program")
}
