package integration

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Three nodes, four workers each, digest files that are all sent to the first
// node. That every node does its share must not depend on the machine: for the
// first rounds each worker keeps its task until all twelve have one. So every
// round is spread evenly, and a mesh that left a worker idle while tasks wait
// would stand still. After that the workers run free.
func TestRealFiles(t *testing.T) {
	const (
		perNode  = 4
		rounds   = 20
		tasks    = 480
		inFlight = 60
		share    = 15 // percent; the rounds alone are 80 of 480 tasks a node
	)
	files := append(madeFiles(t), sourceFiles(t)...)
	dc1 := startNode(t, "DC1")
	dc2 := startNode(t, "DC2", seeded(dc1))
	dc3 := startNode(t, "DC3", seeded(dc1))
	var workers []*process
	for _, n := range []*nodeProcess{dc1, dc2, dc3} {
		workers = append(workers, startWorkers(t, n, perNode))
	}
	nc := dial(t, dc1.Local)

	ctx, cancel := context.WithTimeout(context.Background(), 2*nodetest.Timeout)
	var senders sync.WaitGroup
	defer senders.Wait()
	defer cancel()
	next := make(chan string)
	doneBy := make(chan string, tasks)
	for range inFlight {
		senders.Go(func() {
			for path := range next {
				doneBy <- digestFile(ctx, t, nc, path)
			}
		})
	}
	senders.Go(func() {
		defer close(next)
		for i := range tasks {
			select {
			case next <- files[i%len(files)]:
			case <-ctx.Done():
				return
			}
		}
	})
	for round := range rounds {
		for _, w := range workers {
			w.await((round+1)*perNode, "busy")
		}
		if round == rounds/2 { // in the thick of it
			expectTooLarge(t, nc)
		}
		for _, w := range workers {
			w.say(perNode, "go")
		}
	}
	for _, w := range workers {
		w.say(1, "free")
	}

	did := map[string]int{}
	for range tasks {
		did[<-doneBy]++
	}
	for _, name := range []string{"DC1", "DC2", "DC3"} {
		if did[name] < tasks*share/100 {
			t.Errorf("%s did less than %d%% of %d tasks: %v", name, share, tasks, did)
		}
	}
}

// expectTooLarge sends what is larger than a task may be: a little, which the
// node refuses, and a lot, which the client's library does.
func expectTooLarge(t *testing.T, nc *nats.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), nodetest.Timeout)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, mesh.SubjectRequest, make([]byte, node.MaxTask+1))
	if err != nil {
		t.Fatal(err)
	}
	if code, text := nodetest.ErrorOf(m); code != "400" || len(m.Data) != 0 {
		t.Errorf("payload of MaxTask + 1: code %q, text %q, %d bytes", code, text, len(m.Data))
	}
	if _, err := nc.RequestWithContext(ctx, mesh.SubjectRequest, make([]byte, nc.MaxPayload()+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("payload above the server's limit: %v", err)
	}
}

// digestFile has the mesh digest a file, compares, and returns which node did it.
func digestFile(ctx context.Context, t *testing.T, nc *nats.Conn, path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return ""
	}
	answer, err := request(ctx, nc, mesh.SubjectRequest, content)
	if err != nil {
		t.Errorf("%s of %d bytes: %v", path, len(content), err)
		return ""
	}
	return answer.Header.Get(mesh.HeaderNode)
}

// request sends a payload and checks that the answer is its digest. An error
// says that there is no such answer.
func request(ctx context.Context, nc *nats.Conn, subject string, payload []byte) (*nats.Msg, error) {
	// Without a timeout of its own, a task that finds all workers busy fails
	// soon; a slow machine is no failure.
	m := &nats.Msg{Subject: subject, Data: payload, Header: nats.Header{mesh.HeaderTimeout: {nodetest.Timeout.String()}}}
	answer, err := nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, err
	}
	if code, text := nodetest.ErrorOf(answer); code != "" {
		return nil, fmt.Errorf("error reply %s %s", code, text)
	}
	if want := sha256.Sum256(payload); !bytes.Equal(answer.Data, want[:]) {
		return nil, fmt.Errorf("answer %x, want %x", answer.Data, want)
	}
	return answer, nil
}

// madeFiles writes files from nothing up to the largest task, with sizes around
// the borders of buffers.
func madeFiles(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	random := rand.NewChaCha8([32]byte{1})
	var paths []string
	for _, size := range []int64{
		0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 32 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1,
		256 << 10, 1_000_000, node.MaxTask - 1, node.MaxTask,
	} {
		path := filepath.Join(dir, strconv.FormatInt(size, 10))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(f, random, size)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// sourceFiles returns the Go files of this module.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) == ".go" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d source files: %v", len(paths), err)
	}
	return paths
}

// Variables of a worker process: where the node is, and how many workers.
const (
	workerOf    = "BROKERMESH_TEST_WORKER_OF"
	workerCount = "BROKERMESH_TEST_WORKERS"
)

// startWorkers runs n workers of a node as a process of their own: this test
// binary. They answer each task with its digest. For each they write "busy" and
// keep it until they read "go"; having read "free", they do neither any more.
func startWorkers(t *testing.T, n *nodeProcess, count int) *process {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, n.name+"'s workers", []string{workerOf + "=" + n.Local, workerCount + "=" + strconv.Itoa(count)}, path)
}

// workerMain is the worker process. It ends with its input, so it never
// outlives the test, and else only with an error.
func workerMain(url string) error {
	count, err := strconv.Atoi(os.Getenv(workerCount))
	if err != nil {
		return err
	}
	nc, err := nats.Connect(url, nats.Timeout(nodetest.Timeout), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	release, free := make(chan struct{}), make(chan struct{})
	go func() {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			switch input.Text() {
			case "go":
				release <- struct{}{}
			case "free":
				close(free)
			}
		}
		os.Exit(0)
	}()
	return workerpool.Run(context.Background(), nc, workerpool.Config{Workers: count}, workerpool.HandlerFunc(
		func(_ context.Context, task *workerpool.Task) ([]byte, error) {
			select {
			case <-free:
			default:
				fmt.Println("busy")
				select {
				case <-release:
				case <-free:
				}
			}
			digest := sha256.Sum256(task.Data)
			return digest[:], nil
		}))
}
