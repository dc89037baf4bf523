package integration

import (
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// apart is three nodes in processes whose links go through wires: DC1 and DC2
// know of DC3 only, so that the route between them is one that gossip taught. On
// an existing NATS each node has wires of its own to the servers.
type apart struct {
	*wires
	nodes   map[string]*nodeProcess
	clients map[string]*nats.Conn
	answers chan *nats.Msg // what has come to the clients
}

const thePlane = "plane" // the other end of a wire to an existing NATS

func startApart(t *testing.T) *apart {
	t.Helper()
	a := &apart{wires: newWires(t), nodes: make(map[string]*nodeProcess), clients: make(map[string]*nats.Conn), answers: make(chan *nats.Msg, 1000)}
	ports := nodetest.Addresses(t, 12)
	for i, name := range []string{"DC3", "DC1", "DC2"} {
		own := ports[4*i:]
		env := []string{"MESH_CLUSTER_LISTEN=" + own[0], "MESH_CLUSTER_ADVERTISE=" + own[1]}
		if external() {
			env = []string{"MESH_CLOUD_URL=" + a.toServers(name, own[2:4])}
		} else {
			a.proxy(own[1], own[0], name, "")
			if i > 0 {
				env = append(env, "MESH_PEERS="+ports[1])
			}
		}
		a.nodes[name] = startNode(t, name, env...)
	}
	for name, n := range a.nodes {
		a.clients[name] = a.client(n)
	}
	return a
}

// toServers puts wires between a node and the servers of the external plane.
func (a *apart) toServers(node string, listen []string) (urls string) {
	for i, server := range externalServers(a.t) {
		a.proxy(listen[i], server, thePlane, node)
	}
	return "nats://" + listen[0] + ",nats://" + listen[1]
}

// client connects a client that counts whatever comes to it.
func (a *apart) client(n *nodeProcess) *nats.Conn {
	a.t.Helper()
	prefix := "answers" + n.name
	nc, err := nats.Connect(n.Local, nats.Timeout(nodetest.Timeout), nats.CustomInboxPrefix(prefix))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(nc.Close)
	// In a queue group, so that a 503 goes to the request. To a channel, which has
	// what had come before a flush; a callback may not have been called.
	if _, err := nc.ChanQueueSubscribe(prefix+".>", "count", a.answers); err != nil {
		a.t.Fatal(err)
	}
	return nc
}

// cut takes the link of a node to others away. On an existing NATS that is the
// one to the servers, so to all.
func (a *apart) cut(node string, others ...string) { a.setAll(node, others, true) }
func (a *apart) mend(node string, others ...string) {
	a.setAll(node, others, false)
}

func (a *apart) setAll(node string, others []string, cut bool) {
	if external() {
		others = []string{thePlane}
	}
	for _, other := range others {
		a.set(node, other, cut)
	}
}

// awaitNoticed waits until the servers have given up a link that is cut.
func (a *apart) awaitNoticed(node, other string) {
	a.t.Helper()
	if external() {
		other = thePlane
	}
	a.awaitBroken(node, other)
}

// awaitSight waits until a node hears of another anew, with so many idle workers.
func (a *apart) awaitSight(at, of string, idle int) {
	a.t.Helper()
	watch(a.t, a.nodes[at].Local).awaitIdle(of, idle)
}

// once checks that so many tasks were answered, each once.
func (a *apart) once(tasks int) {
	a.t.Helper()
	for name, nc := range a.clients {
		if err := nc.FlushTimeout(nodetest.Timeout); err != nil {
			a.t.Errorf("client of %s: %v", name, err)
		}
	}
	seen := make(map[string]int)
	for range len(a.answers) {
		seen[(<-a.answers).Subject]++
	}
	for subject, n := range seen {
		if n > 1 {
			a.t.Errorf("%s has %d answers", subject, n)
		}
	}
	if len(seen) != tasks {
		a.t.Errorf("%d tasks were answered, want %d", len(seen), tasks)
	}
}

// told logs how long something took, beside its target. It is for people: a slow
// machine fails no test.
func told(t *testing.T, what string, took, target time.Duration) {
	t.Helper()
	t.Logf("%s: %s, target %s", what, took.Round(time.Millisecond), target)
}

// Two nodes lose the link between them, and only that one, which gossip taught
// them. What one did for the other is done by the third; what it answers late is
// nothing to anybody. Then the link is back by itself.
func TestPartitionOfTwo(t *testing.T) {
	t.Parallel()
	a := startApart(t)
	home, away := startWorkers(t, a.nodes["DC1"], 1), startWorkers(t, a.nodes["DC2"], 1)
	a.awaitSight("DC1", "DC1", 1)
	a.awaitSight("DC1", "DC2", 1)
	one := send(t, a.clients["DC1"], mesh.SubjectRequest, []byte("at home"))
	home.await(1, "busy")
	two := send(t, a.clients["DC1"], mesh.SubjectRequest, []byte("with the peer"))
	away.await(1, "busy")
	third := startWorkers(t, a.nodes["DC3"], 1)
	a.awaitSight("DC1", "DC3", 1)

	began := time.Now()
	a.cut("DC2", "DC1")
	third.await(1, "busy")
	told(t, "partition, its task runs elsewhere", time.Since(began), 3500*time.Millisecond)
	a.awaitNoticed("DC2", "DC1")
	away.say(1, "go") // an answer that is late, and has nowhere to go
	a.awaitSight("DC2", "DC2", 1)
	third.say(1, "go")
	expectFrom(t, "DC3", <-two)
	a.mend("DC2", "DC1")

	a.awaitSight("DC1", "DC2", 1)
	a.awaitSight("DC2", "DC3", 1)
	three := send(t, a.clients["DC3"], mesh.SubjectRequest, []byte("at its own"))
	third.await(2, "busy")
	a.awaitSight("DC1", "DC3", 0)
	four := send(t, a.clients["DC1"], mesh.SubjectRequest, []byte("across the link that healed"))
	away.await(2, "busy")
	for _, w := range []*process{home, away, third} {
		w.say(1, "free")
	}
	expectFrom(t, "DC1", <-one)
	expectFrom(t, "DC3", <-three)
	expectFrom(t, "DC2", <-four)
	a.once(4)
}

// Two of three nodes are cut off, from the third and from each other: each goes
// on with what it has, and all is well again when they are back.
func TestTwoOfThreeCutOff(t *testing.T) {
	t.Parallel()
	a := startApart(t)
	names := []string{"DC1", "DC2", "DC3"}
	first, workers := make(map[string]<-chan *nats.Msg), make(map[string]*process)
	for _, name := range names {
		workers[name] = startWorkers(t, a.nodes[name], 1)
		a.awaitSight(name, name, 1)
		first[name] = send(t, a.clients[name], mesh.SubjectRequest, []byte("first of "+name))
		workers[name].await(1, "busy")
	}
	extra := startWorkers(t, a.nodes["DC2"], 1)
	a.awaitSight("DC1", "DC2", 1)
	moved := send(t, a.clients["DC1"], mesh.SubjectRequest, []byte("with a peer that is cut off"))
	extra.await(1, "busy")

	began := time.Now()
	a.cut("DC1", "DC2", "DC3")
	a.cut("DC2", "DC1", "DC3")
	if external() { // their own links are down: nobody is dead for it
		a.nodes["DC1"].await(1, "cannot be reached; going on alone")
		a.nodes["DC2"].await(1, "cannot be reached; going on alone")
	} else {
		workers["DC1"].say(1, "go")
		expectFrom(t, "DC1", <-first["DC1"])
		workers["DC1"].await(2, "busy") // what DC2 had
		told(t, "two of three cut off, the task of one runs at the other", time.Since(began), 3500*time.Millisecond)
	}
	alone := make(map[string]<-chan *nats.Msg)
	for _, name := range names {
		workers[name].say(1, "free")
		alone[name] = send(t, a.clients[name], mesh.SubjectRequest, []byte("second of "+name))
	}
	for _, name := range names {
		expectFrom(t, name, <-alone[name])
	}
	a.awaitNoticed("DC1", "DC3")
	a.mend("DC1", "DC2", "DC3")
	a.mend("DC2", "DC1", "DC3")

	for _, at := range names {
		for _, of := range names {
			if of != "DC2" {
				a.awaitSight(at, of, 1)
			}
		}
	}
	extra.say(1, "free") // the answer is late on one plane, and counts on the other
	for _, at := range names {
		a.awaitSight(at, "DC2", 2)
	}
	if external() {
		expectFrom(t, "DC2", <-moved)
		expectFrom(t, "DC1", <-first["DC1"])
	} else {
		expectFrom(t, "DC1", <-moved)
	}
	expectFrom(t, "DC2", <-first["DC2"])
	expectFrom(t, "DC3", <-first["DC3"])
	a.once(7)
}

// A peer falls silent and its connections stay: its process is stopped, or nothing
// reaches it any more. Its task runs elsewhere. What it says of it later counts
// for nothing, and it is a member again.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what          string
		silence, back func(a *apart)
	}{
		{"stopped", func(a *apart) { a.nodes["DC2"].signal(syscall.SIGSTOP) }, func(a *apart) { a.nodes["DC2"].signal(syscall.SIGCONT) }},
		{"unreachable", func(a *apart) { a.cut("DC2", "DC1", "DC3") }, func(a *apart) { a.mend("DC2", "DC1", "DC3") }},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			a := startApart(t)
			away := startWorkers(t, a.nodes["DC2"], 1)
			a.awaitSight("DC1", "DC2", 1)
			answer := send(t, a.clients["DC1"], mesh.SubjectRequest, []byte("x"))
			away.await(1, "busy")
			third := startWorkers(t, a.nodes["DC3"], 1)
			a.awaitSight("DC1", "DC3", 1)
			began := time.Now()
			c.silence(a)
			third.await(1, "busy")
			told(t, "silent peer, its task runs elsewhere", time.Since(began), 3500*time.Millisecond)
			third.say(1, "go")
			expectFrom(t, "DC3", <-answer)
			c.back(a)
			away.say(1, "free")
			a.awaitSight("DC1", "DC2", 1)
			a.once(1)
		})
	}
}

// The machine of a worker vanishes: nobody ends its connection. The pings of the
// server find out, and its task goes to another.
func TestVanishedWorker(t *testing.T) {
	t.Parallel()
	dc1 := startNode(t, "DC1")
	w, behind := newWires(t), *dc1
	port := nodetest.Addresses(t, 1)[0]
	behind.Local = "nats://" + port
	w.proxy(port, dc1.Local[len("nats://"):], "node", "machine")
	gone := startWorkers(t, &behind, 1)
	client, seen := dial(t, dc1.Local), watch(t, dc1.Local)
	seen.awaitIdle("DC1", 1)
	answer := make(chan *nats.Msg, 1)
	sub, err := client.ChanSubscribe("answer", answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PublishMsg(&nats.Msg{Subject: mesh.SubjectRequest, Reply: sub.Subject, Data: []byte("x"), Header: nats.Header{mesh.HeaderTimeout: {patience.String()}}}); err != nil {
		t.Fatal(err)
	}
	gone.await(1, "busy")
	began := time.Now()
	w.set("machine", "node", true)
	other := startWorkers(t, dc1, 1)
	other.say(1, "free")
	select {
	case m := <-answer:
		if m.Header.Get(mesh.HeaderNode) != "DC1" || len(m.Data) == 0 {
			t.Errorf("answer %q %v", m.Data, m.Header)
		}
	case <-time.After(patience):
		t.Fatal("the task is still with the worker that vanished")
	}
	told(t, "vanished worker, its task was done elsewhere", time.Since(began), 30*time.Second)
}
