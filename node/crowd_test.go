package node_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Workers answer and close their connection at once, 300 times, while others keep
// the node busy with large answers. The word of a connection's end never
// overtakes its last answer: no task runs twice, and none is lost.
func TestAnswerThenClose(t *testing.T) {
	t.Parallel()
	const rounds, crowd = 30, 10
	m := nodetest.Start(t, 1, patient)
	m.WorkService("DC1", "load", 4, echo)
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan uint64)
	load := m.Client("DC1")
	go func() {
		var n uint64
		for large := make([]byte, 256<<10); ; n++ {
			if _, err := load.RequestWithContext(ctx, mesh.WithService(mesh.SubjectRequest, "load"), large); err != nil {
				loaded <- n
				return
			}
		}
	}()
	client := m.Client("DC1")
	for i := range rounds {
		var workers []*raw
		var answers []<-chan *nats.Msg
		for range crowd {
			w := takes(t, m.Client("DC1"), nats.NewInbox())
			w.ready("")
			workers = append(workers, w)
		}
		m.AwaitWorkers("DC1", "", crowd)
		for k := range crowd {
			answers = append(answers, ask(t, client, task(fmt.Sprint(i*crowd+k))))
		}
		for _, w := range workers {
			got := receive(t, w.tasks)
			if err := w.nc.Publish(got.Reply, got.Data); err != nil {
				t.Fatal(err)
			}
			w.nc.Close()
		}
		for k, ch := range answers {
			wantAnswer(t, receive(t, ch), fmt.Sprint(i*crowd+k), "DC1")
		}
		m.AwaitWorkers("DC1", "", 0)
	}
	stop()
	n := receive(t, loaded)
	s := m.View("DC1").Stats
	if own := s.Dispatched - n; own != rounds*crowd && own != rounds*crowd+1 || s.Lost+s.Fenced > 0 {
		t.Errorf("%d tasks and %d of the load: %+v", rounds*crowd, n, s)
	}
	t.Logf("beside a load of %d tasks", n)
}

// A thousand connections with ten workers each break at once, a thousand tasks in
// their hands and some in those of others. The node goes on serving meanwhile,
// what others do is not touched, and all the rest is done by those who stay.
func TestCrowdBreaksOff(t *testing.T) { // not parallel: it takes many goroutines
	const connections, each, stay = 1000, 10, 20
	needFiles(t, 2*connections+100)                  // both ends are in this process
	m := nodetest.Start(t, 2, patient, manyAttempts) // a task may be sent to several that are about to be missed
	g := newGate()
	m.Work("DC1", stay, g.handle)
	m.WorkService("DC1", "other", 1, echo)
	client := m.Client("DC1")
	answers := make(map[string]<-chan *nats.Msg)
	send := func(n int, what string) {
		for i := range n {
			payload := fmt.Sprint(what, i)
			answers[payload] = ask(t, client, task(payload))
		}
	}
	send(stay, "stays")
	for range stay {
		receive(t, g.began)
	}
	crowd := make([]net.Conn, connections)
	for i := range crowd {
		crowd[i] = bareWorkers(t, m, "DC1", i, each)
	}
	m.AwaitWorkers("DC1", "", stay+connections*each)
	send(connections, "moves")
	m.AwaitIdle("DC1", "", connections*each-connections)
	for _, conn := range crowd {
		_ = conn.Close()
	}
	broke := time.Now()
	var slowest time.Duration
	for range 100 {
		asked := time.Now()
		wantAnswer(t, receive(t, ask(t, client, taskFor("other", "x"))), "x", "DC1")
		slowest = max(slowest, time.Since(asked))
	}
	m.AwaitWorkers("DC1", "", stay)
	t.Logf("all were missed after %v; meanwhile others waited %v at most", time.Since(broke), slowest)
	close(g.open)
	for payload, ch := range answers {
		wantAnswer(t, receive(t, ch), payload, "DC1")
	}
	m.Await("DC1", "nothing to do", func(v node.View) bool { return v.Load("").Idle == stay && v.Load("").Waiting == 0 })
	s := m.View("DC1").Stats
	t.Logf("%+v", s)
	if s.Answered != stay+connections+100 || s.Refused > 0 || s.Lost < connections {
		t.Errorf("%d tasks, %d of them lost with their workers: %+v", stay+connections+100, connections, s)
	}
}

// needFiles skips a test that needs more open files than the process may have.
func needFiles(t testing.TB, n int) {
	t.Helper()
	for range n {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Skipf("needs %d open files: %v; raise the hard limit (ulimit -Hn)", n, err)
		}
		defer func() { _ = f.Close() }()
	}
}

// bareWorkers makes n workers on a connection of its own, without a NATS library.
func bareWorkers(t testing.TB, m *nodetest.Mesh, name string, id, n int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.Node(name).LocalURL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	out := bufio.NewWriter(conn)
	fmt.Fprint(out, "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")
	for i := range n {
		inbox := fmt.Sprintf("crowd.%d.%d", id, i)
		fmt.Fprintf(out, "SUB %s %d\r\nPUB %s %s 0\r\n\r\n", inbox, i+1, mesh.SubjectReady, inbox)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return conn
}
