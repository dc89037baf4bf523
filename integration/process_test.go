package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A node that is told to end finishes the task it has in hand, says goodbye and
// ends with status 0. Run again, it is a member at once, and its workers, which
// know nothing of all that, are back as well.
func TestGoodbyeAndReturn(t *testing.T) {
	dc1 := startNode(t, "DC1")
	dc2 := startNode(t, "DC2", seeded(dc1))
	workers := startWorkers(t, dc2, 1)
	client, seen := dial(t, dc1.Local), watch(t, dc1.Local)
	before := seen.awaitIdle("DC2", 1)

	answer := send(t, client, mesh.SubjectRequest, []byte("in hand"))
	workers.await(1, "busy")
	dc2.signal(syscall.SIGTERM)
	seen.await("DC2 draining", func(s mesh.State) bool { return s.Name == "DC2" && s.Draining && !s.Leaving })
	workers.say(1, "go")
	expectFrom(t, "DC2", <-answer)
	goodbye := seen.await("the goodbye of DC2", func(s mesh.State) bool { return s.Name == "DC2" && s.Leaving })
	if goodbye.Incarnation != before.Incarnation {
		t.Errorf("goodbye of incarnation %s, want %s", goodbye.Incarnation, before.Incarnation)
	}
	dc2.awaitStatus(0)

	startNode(t, "DC2", seeded(dc1), dc2.sameLocal())
	after := seen.await("DC2 again", func(s mesh.State) bool { return s.Name == "DC2" })
	if after.Incarnation == before.Incarnation || after.Leaving {
		t.Errorf("after the goodbye %+v came %+v", goodbye, after)
	}
	seen.awaitIdle("DC2", 1)
	workers.say(1, "free")
	expectFrom(t, "DC2", <-send(t, client, mesh.SubjectRequest, []byte("back")))
}

// A node that is killed with no task in hand takes nothing along: what is sent
// right after goes to the others. It may come back under its name at once; the
// peers need not forget the old one first.
func TestKilledNodeComesBack(t *testing.T) {
	dc1 := startNode(t, "DC1")
	dc2 := startNode(t, "DC2", seeded(dc1))
	dc3 := startNode(t, "DC3", seeded(dc1))
	startWorkers(t, dc2, 2).say(1, "free")
	startWorkers(t, dc3, 2).say(1, "free")
	client, seen := dial(t, dc1.Local), watch(t, dc1.Local)
	before := seen.awaitIdle("DC2", 2)
	seen.awaitIdle("DC3", 2)

	dc2.signal(syscall.SIGKILL)
	dc2.awaitDeath(syscall.SIGKILL)
	var answers []<-chan *nats.Msg
	for i := range 20 {
		answers = append(answers, send(t, client, mesh.SubjectRequest, fmt.Append(nil, i)))
	}
	for _, answer := range answers {
		expectFrom(t, "DC3", <-answer)
	}

	startNode(t, "DC2", seeded(dc3), dc2.sameLocal())
	seen.await("a new DC2 with workers", func(s mesh.State) bool {
		return s.Name == "DC2" && s.Incarnation != before.Incarnation && idle(s) == 2
	})
	// By its name, for DC3 may well be idle.
	expectFrom(t, "DC2", <-send(t, client, mesh.CloudSubject("DC2"), []byte("named")))
}

// Three nodes, of which each knows at most one other, are one mesh: everybody's
// state is seen everywhere, a task finds the only worker there is, two nodes
// off, and a task for a node by its name is done there and nowhere else.
func TestMeshOfOneSeedEach(t *testing.T) {
	dc1 := startNode(t, "DC1")
	dc2 := startNode(t, "DC2", seeded(dc1))
	dc3 := startNode(t, "DC3", seeded(dc2))
	nodes := []*nodeProcess{dc1, dc2, dc3}
	var ports []*states
	for _, n := range nodes {
		ports = append(ports, watch(t, n.Local), watch(t, n.Cloud))
	}
	for i, port := range ports {
		missing := map[string]bool{"DC1": true, "DC2": true, "DC3": true}
		port.await("the state of all at "+nodes[i/2].name, func(s mesh.State) bool {
			delete(missing, s.Name)
			return len(missing) == 0
		})
	}

	startWorkers(t, dc3, 1).say(1, "free")
	seen := ports[0]
	seen.awaitIdle("DC3", 1)
	client, tool := dial(t, dc1.Local), dial(t, dc1.Cloud)
	expectFrom(t, "DC3", <-send(t, client, mesh.SubjectRequest, []byte("two nodes off")))

	startWorkers(t, dc1, 4).say(1, "free")
	startWorkers(t, dc2, 1).say(1, "free")
	seen.awaitIdle("DC1", 4)
	seen.awaitIdle("DC2", 1)
	// More than its one worker does at once, while others idle.
	var answers []<-chan *nats.Msg
	for i := range 8 {
		answers = append(answers,
			send(t, client, mesh.CloudSubject("DC2"), fmt.Append(nil, "local ", i)),
			send(t, tool, mesh.CloudSubject("DC2"), fmt.Append(nil, "cloud ", i)))
	}
	for _, answer := range answers {
		expectFrom(t, "DC2", <-answer)
	}
}

// brokermesh starts the program with an environment and a command line.
func brokermesh(t *testing.T, name string, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build brokermesh: %v", err)
	}
	return start(t, name, env, path, args...)
}

// nodeProcess is a process that runs a node, and where it listens.
type nodeProcess struct {
	*process
	Local, Cloud, Cluster string
}

// startNode starts a node and waits until it is ready. What env sets goes
// before what is set here.
func startNode(t *testing.T, name string, env ...string) *nodeProcess {
	t.Helper()
	own := nodetest.Addresses(t, 3) // that nobody gets by chance while the node is down
	env = append([]string{"MESH_LISTEN=" + own[0], "MESH_CLOUD_LISTEN=" + own[1], "MESH_CLUSTER_LISTEN=" + own[2]}, onPlane(t, env)...)
	n := &nodeProcess{process: brokermesh(t, name, nodeEnv(name, env...), "node")}
	if err := json.Unmarshal([]byte(n.await(1, `"node ready"`)), n); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// onPlane makes the settings those of the plane of this run: on an existing NATS
// nodes find each other there, not by their addresses.
func onPlane(t *testing.T, env []string) []string {
	t.Helper()
	if !external() || slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "MESH_CLOUD_URL=") }) {
		return env
	}
	env = slices.DeleteFunc(slices.Clone(env), func(s string) bool { return strings.HasPrefix(s, "MESH_PEERS=") })
	return append(env, "MESH_CLOUD_URL="+externalURL(t))
}

func nodeEnv(name string, env ...string) []string {
	return append([]string{
		"MESH_NAME=" + name, "MESH_LOG_FORMAT=json",
		"MESH_LISTEN=127.0.0.1:0", "MESH_CLOUD_LISTEN=127.0.0.1:0", "MESH_CLUSTER_LISTEN=127.0.0.1:0",
	}, env...) // of two settings of one variable the last counts
}

// seeded is the setting of a node that knows others by their addresses.
func seeded(others ...*nodeProcess) string {
	var addresses []string
	for _, n := range others {
		addresses = append(addresses, n.Cluster)
	}
	return "MESH_PEERS=" + strings.Join(addresses, ",")
}

// sameLocal is the setting of a node that comes back to where its workers look
// for it.
func (n *nodeProcess) sameLocal() string {
	return "MESH_LISTEN=" + strings.TrimPrefix(n.Local, "nats://")
}

func dial(t *testing.T, url string) *nats.Conn {
	t.Helper()
	// It reconnects, as clients do: with NoReconnect the library forgets answers
	// that have arrived, but were not looked at yet, when the connection ends.
	nc, err := nats.Connect(url, nats.Timeout(nodetest.Timeout))
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// send sends a request and returns where its answer will be. The answer has the
// payload of the request, digested as workers do: without one the test fails,
// and the answer is nil.
func send(t *testing.T, nc *nats.Conn, subject string, payload []byte) <-chan *nats.Msg {
	t.Helper()
	answer := make(chan *nats.Msg, 1)
	ctx, cancel := context.WithTimeout(context.Background(), nodetest.Timeout)
	go func() {
		defer cancel()
		m, err := request(ctx, nc, subject, payload)
		if err != nil {
			t.Errorf("request to %s: %v", subject, err)
		}
		answer <- m
	}()
	return answer
}

// expectFrom checks which node an answer is from.
func expectFrom(t *testing.T, node string, answer *nats.Msg) {
	t.Helper()
	if answer != nil && answer.Header.Get(mesh.HeaderNode) != node {
		t.Errorf("answer with header %v, want it from %s", answer.Header, node)
	}
}

// states is what nodes announce, as seen on one port.
type states struct {
	t   *testing.T
	sub *nats.Subscription
}

func watch(t *testing.T, url string) *states {
	t.Helper()
	nc := dial(t, url)
	sub, err := nc.SubscribeSync(mesh.SubjectState + ">")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	return &states{t, sub}
}

// await waits for the next state for which the condition holds. A node takes a
// state in before anything that is sent to it by one who has seen it here.
func (w *states) await(what string, holds func(mesh.State) bool) mesh.State {
	w.t.Helper()
	deadline := time.Now().Add(nodetest.Timeout)
	for {
		m, err := w.sub.NextMsg(time.Until(deadline))
		if err != nil {
			w.t.Fatalf("waited for %s: %v", what, err)
		}
		s, _, err := mesh.ParseState(strings.TrimPrefix(m.Subject, mesh.SubjectState), m.Data)
		if err != nil {
			w.t.Fatalf("%s: %v", m.Subject, err)
		}
		if holds(s) {
			return s
		}
	}
}

func (w *states) awaitIdle(node string, n int) mesh.State {
	w.t.Helper()
	return w.await(fmt.Sprintf("%d idle workers of %s", n, node), func(s mesh.State) bool { return s.Name == node && idle(s) == n })
}

// idle returns the idle workers of the default service.
func idle(s mesh.State) int {
	for _, l := range s.Services {
		if l.Service == "" {
			return l.Idle
		}
	}
	return 0
}
