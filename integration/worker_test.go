package integration

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// startCommand starts brokermesh worker at a node.
func startCommand(t *testing.T, n *nodeProcess, args ...string) *process {
	t.Helper()
	return brokermesh(t, "the worker of "+n.name, []string{"NATS_URL=" + n.Local}, append([]string{"worker"}, args...)...)
}

// do sends a task and returns where its answer will be; nil is none.
func do(t *testing.T, nc *nats.Conn, subject, payload string) <-chan *nats.Msg {
	t.Helper()
	answer := make(chan *nats.Msg, 1)
	ctx, cancel := context.WithTimeout(context.Background(), nodetest.Timeout)
	go func() {
		defer cancel()
		m, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: []byte(payload), Header: nats.Header{mesh.HeaderTimeout: {nodetest.Timeout.String()}}})
		if err != nil {
			t.Errorf("request to %s: %v", subject, err)
		}
		answer <- m
	}()
	return answer
}

// expectText checks an answer, and who gave it.
func expectText(t *testing.T, m *nats.Msg, want, worker string) {
	t.Helper()
	if m == nil {
		return
	}
	if name := m.Header.Get(mesh.HeaderWorker); string(m.Data) != want || !strings.HasPrefix(name, worker) {
		t.Errorf("answer %q by %q, %v; want %q by %q", m.Data, name, m.Header, want, worker)
	}
}

// untilFile is a shell command that answers with its input when the file is
// there; it does not outlive the file's folder.
func untilFile(path string) string {
	return fmt.Sprintf("until [ -e '%s' ] || [ ! -d '%s' ]; do sleep 0.05; done; cat", path, filepath.Dir(path))
}

// awaitOne waits until a service of a lone node has one worker, with so many
// idle.
func (w *states) awaitOne(service string, idle int) {
	w.t.Helper()
	w.await(fmt.Sprintf("one worker, %d idle", idle), func(s mesh.State) bool {
		return slices.ContainsFunc(s.Services, func(l mesh.Load) bool {
			return l.Service == service && l.Workers == 1 && l.Idle == idle
		})
	})
}

// Any program is a worker. Its node may go away and come back as it likes.
func TestCommandWorker(t *testing.T) {
	n := startNode(t, "DC1")
	w := startCommand(t, n, "-n", "2", "--name", "digest", "--", "sha256sum")
	w.await(1, "connected")
	seen := watch(t, n.Local)
	seen.awaitIdle("DC1", 2)
	nc := dial(t, n.Local)
	for i := range 20 {
		payload := strings.Repeat("x", i*1000)
		expectText(t, <-do(t, nc, mesh.SubjectRequest, payload), fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(payload))), "digest-")
	}

	n.signal(syscall.SIGTERM)
	n.awaitStatus(0)
	w.await(1, "disconnected")
	w.await(1, "not connected; trying on")
	n = startNode(t, "DC1", n.sameLocal())
	w.await(2, "connected", "INFO")
	watch(t, n.Local).awaitIdle("DC1", 2)
	expectText(t, <-do(t, dial(t, n.Local), mesh.SubjectRequest, ""), fmt.Sprintf("%x  -\n", sha256.Sum256(nil)), "digest-")
	w.signal(os.Interrupt)
	w.awaitStatus(0)
}

// A worker that is told to end finishes its task, takes no other, and says
// goodbye.
func TestCommandWorkerLeaves(t *testing.T) {
	n := startNode(t, "DC1")
	gate := filepath.Join(t.TempDir(), "gate")
	w := startCommand(t, n, "--service", "wait", "--name", "w", "sh", "-c", untilFile(gate))
	seen := watch(t, n.Local)
	seen.awaitOne("wait", 1)
	answer := do(t, dial(t, n.Local), mesh.WithService(mesh.SubjectRequest, "wait"), "in hand")
	seen.awaitOne("wait", 0)
	w.signal(syscall.SIGTERM)
	w.await(1, "leaving")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectText(t, <-answer, "in hand", "w")
	w.awaitStatus(0)
	w.await(1, "msg=left")
}

// Told twice it ends at once.
func TestCommandWorkerSecondSignal(t *testing.T) {
	n := startNode(t, "DC1")
	w := startCommand(t, n, "--drain-timeout", "1h", "sleep", "3600")
	seen, nc := watch(t, n.Local), dial(t, n.Local)
	seen.awaitOne("", 1)
	if err := nc.PublishRequest(mesh.SubjectRequest, nc.NewInbox(), nil); err != nil {
		t.Fatal(err)
	}
	seen.awaitOne("", 0)
	w.signal(syscall.SIGTERM)
	w.await(1, "leaving")
	w.endAtOnce()
}

// A command fails before its client and before who runs it, and does not outlive
// its worker.
func TestCommandWorkerFails(t *testing.T) {
	n := startNode(t, "DC1")
	held := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	w := startCommand(t, n, "--", "sh", "-c", `[ "$(cat)" = hold ] && exec sleep 3600 9>'`+held+`'; echo no "$BROKERMESH_SERVICE" today >&2; exit 7`)
	nc := dial(t, n.Local)
	m := <-do(t, nc, mesh.SubjectRequest, "x")
	if code, text := nodetest.ErrorOf(m); code != "500" || text != "exit status 7: no today" {
		t.Errorf("answer %q %q", code, text)
	}
	w.await(1, "a task failed", "exit status 7: no today")

	if runtime.GOOS != "linux" {
		return
	}
	if err := nc.PublishRequest(mesh.SubjectRequest, nc.NewInbox(), []byte("hold")); err != nil {
		t.Fatal(err)
	}
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.Open(held) // when the command has it open, too
		opened <- f
	}()
	select {
	case f := <-opened:
		defer func() { _ = f.Close() }()
		w.signal(syscall.SIGKILL)
		w.awaitDeath(syscall.SIGKILL)
		if err := f.SetReadDeadline(time.Now().Add(nodetest.Timeout)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // nobody has it open any more
			t.Errorf("the command lives on: %v", err)
		}
	case <-time.After(nodetest.Timeout):
		t.Fatal("the command does not begin")
	}
}

// What is wrong is told at once; a node that is not there is waited for.
func TestCommandWorkerStart(t *testing.T) {
	wrong := brokermesh(t, "wrong", []string{"NATS_CA=/there/is/no/such.pem", "NATS_CERT=x"},
		"worker", "-n", "0", "--service", "a.b", "--drain-timeout", "0s", "-s", "http://x", "no-such-command", "-n", "1")
	wrong.awaitStatus(statusConfig)
	for _, fault := range []string{"--workers: 0", `--service: "a.b"`, "--drain-timeout: 0s", "--server: ", `"no-such-command": executable file not found`, "NATS_CA: ", "NATS_CERT: "} {
		wrong.await(1, fault)
	}

	gone := startNode(t, "DC1")
	gone.signal(syscall.SIGTERM)
	gone.awaitStatus(0)
	early, patient := startCommand(t, gone, "cat"), startCommand(t, gone, "cat")
	early.await(1, "not connected; trying on")
	patient.await(1, "not connected; trying on")
	early.signal(syscall.SIGTERM)
	early.awaitStatus(0)
	n := startNode(t, "DC1", gone.sameLocal())
	patient.await(1, "connected", "INFO")
	expectText(t, <-do(t, dial(t, n.Local), mesh.SubjectRequest, "here"), "here", "")
}

// A node may have workers of its own; they go on while it drains.
func TestOwnWorkers(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	n := startNode(t, "DC1", "MESH_WORKERS=2", "MESH_WORKER_COMMAND="+untilFile(gate)+" | tr a-z A-Z")
	seen := watch(t, n.Local)
	seen.awaitIdle("DC1", 2)
	nc := dial(t, n.Local)
	var answers []<-chan *nats.Msg
	for range 3 {
		answers = append(answers, do(t, nc, mesh.SubjectRequest, "hello"))
	}
	seen.await("a task that waits", func(s mesh.State) bool { return len(s.Services) == 1 && s.Services[0].Waiting == 1 })
	n.signal(syscall.SIGTERM)
	seen.await("DC1 draining", func(s mesh.State) bool { return s.Draining })
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		expectText(t, <-answer, "HELLO", "DC1-worker-")
	}
	n.awaitStatus(0)
}
