package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// Variables of a worker process of the chaos test, beside workerOf and
// workerCount: its name, and the file that it notes its executions in.
const (
	chaosName = "BROKERMESH_TEST_CHAOS_NAME"
	chaosFile = "BROKERMESH_TEST_CHAOS_FILE"
)

// chaosAnswer is what a worker answers: the task's id, from its payload, and
// where it was done.
func chaosAnswer(id, worker, attempt string) string { return id + " " + worker + " " + attempt }

// chaosWorkers is a worker process: it takes as long for a task as the payload
// says, "<id> <duration>", and notes its begin and end with a write each, so
// that no kill loses a note. Header and payload have to tell the same id.
func chaosWorkers(url string) error {
	count, err := strconv.Atoi(os.Getenv(workerCount))
	if err != nil {
		return err
	}
	name := os.Getenv(chaosName)
	notes, err := os.OpenFile(os.Getenv(chaosFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the test
		os.Exit(0)
	}()
	note := func(what, id, attempt string) {
		if _, err := fmt.Fprintln(notes, what, time.Now().UnixNano(), attempt, id); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	return workerpool.Run(context.Background(), nc, workerpool.Config{Workers: count, Name: name, ReadyInterval: 500 * time.Millisecond}, workerpool.HandlerFunc(
		func(_ context.Context, task *workerpool.Task) ([]byte, error) {
			id, length, _ := strings.Cut(string(task.Data), " ")
			takes, err := time.ParseDuration(length)
			if err != nil || task.Header.Get(nats.MsgIdHdr) != id {
				return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: fmt.Sprintf("payload %q with header %v", task.Data, task.Header)}
			}
			note("begin", id, task.Attempt)
			time.Sleep(takes)
			note("end", id, task.Attempt)
			return []byte(chaosAnswer(id, name, task.Attempt)), nil
		}))
}

// chaosNode is a node, which may run or not, and the ports that it always has.
type chaosNode struct {
	number  int
	name    string
	env     []string
	local   string // URL
	process *process
	state   chaosState
	died    time.Time // when its last fault began
	started time.Time // when its process was started
	fault   *chaosFault
}

// chaosWorker is a worker process of a node; each time it is started, it is
// another one by name.
type chaosWorker struct {
	node    int
	slot    int
	starts  int
	name    string
	process *process
	state   chaosState
	fault   *chaosFault
}

// chaosServer is a server of the external plane.
type chaosServer struct {
	name                   string
	client, cluster, route string
	server                 *natsServer
	state                  chaosState
	healed                 time.Time
}

type chaosState int

const (
	chaosUp chaosState = iota
	chaosStarting
	chaosStopped  // SIGSTOP
	chaosDraining // SIGTERM
	chaosDown
)

// newNodes prepares three nodes, each knowing the two others.
func (c *chaos) newNodes() {
	c.t.Helper()
	ports := nodetest.Addresses(c.t, 15)
	for i := range 3 {
		own := ports[5*i : 5*i+5]
		n := &chaosNode{number: i, name: fmt.Sprintf("DC%d", i+1), local: "nats://" + own[0], state: chaosDown}
		peers := []string{ports[(5*i+8)%15], ports[(5*i+13)%15]} // behind their wires
		n.env = nodeEnv(n.name, "MESH_LISTEN="+own[0], "MESH_CLOUD_LISTEN="+own[1], "MESH_CLUSTER_LISTEN="+own[2],
			"MESH_ATTEMPT_TIMEOUT="+chaosAttemptTimeout.String(), "MESH_DRAIN_TIMEOUT=10s",
			"MESH_MAX_ATTEMPTS=1000") // a task may be unlucky
		if external() {
			for j, s := range c.servers {
				c.wires.proxy(own[3+j], s.client, thePlane, n.name)
			}
			n.env = append(n.env, "MESH_CLOUD_URL=nats://"+own[3]+",nats://"+own[4])
		} else {
			c.wires.proxy(own[3], own[2], n.name, "")
			n.env = append(n.env, "MESH_CLUSTER_ADVERTISE="+own[3], "MESH_PEERS="+strings.Join(peers, ","))
		}
		c.nodes = append(c.nodes, n)
		for slot := range 2 {
			c.workers = append(c.workers, &chaosWorker{node: i, slot: slot, state: chaosDown})
		}
	}
}

// newServers starts the external plane.
func (c *chaos) newServers() {
	c.t.Helper()
	if !external() {
		return
	}
	ports := nodetest.Addresses(c.t, 4)
	c.servers = []*chaosServer{
		{name: "a", client: ports[0], cluster: ports[1], route: ports[3]},
		{name: "b", client: ports[2], cluster: ports[3], route: ports[1]},
	}
	for _, s := range c.servers {
		c.startServer(s)
	}
}

func (c *chaos) startServer(s *chaosServer) {
	c.t.Helper()
	s.server = startServer(c.t, s.name, s.client, s.cluster, s.route)
	s.state, s.healed = chaosUp, time.Now()
}

// startNode starts a node; that it is ready or has ended is an event.
func (c *chaos) startNode(n *chaosNode) {
	c.t.Helper()
	n.started, n.state = time.Now(), chaosStarting
	n.process = brokermesh(c.t, n.name, n.env, "node")
	p := n.process
	c.watchers.Go(func() {
		if p.writes(`"node ready"`) {
			c.events <- chaosEvent{node: n, process: p, ready: true}
		}
		<-p.ended
		c.events <- chaosEvent{node: n, process: p}
	})
}

func (c *chaos) startWorker(w *chaosWorker) {
	c.t.Helper()
	path, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	w.starts++
	w.name, w.state = fmt.Sprintf("%s-w%d-%d", c.nodes[w.node].name, w.slot, w.starts), chaosUp
	w.process = start(c.t, w.name, []string{
		workerOf + "=" + c.nodes[w.node].local, workerCount + "=2",
		chaosName + "=" + w.name, chaosFile + "=" + filepath.Join(c.dir, w.name),
	}, path)
	c.homes[w.name] = w.node
}

// writes waits until the process has written a line with the text; false: it has
// ended before.
func (p *process) writes(text string) bool {
	for ended := false; ; {
		p.mu.Lock()
		more, lines := p.more, p.lines
		p.mu.Unlock()
		for _, line := range lines {
			if strings.Contains(line, text) {
				return true
			}
		}
		if ended {
			return false
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true
		}
	}
}
