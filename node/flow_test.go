package node_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

func TestLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	m.Work("DC1", 3, echo)
	var order []string
	for i := range 12 {
		by := m.Request("DC1", "", nil).Header.Get(mesh.HeaderWorker)
		if i >= 3 && by != order[i-3] {
			t.Errorf("task %d was done by %s; the tasks before by %v", i, by, order)
		}
		order = append(order, by)
	}
	if order[0] == order[1] || order[1] == order[2] || order[2] == order[0] {
		t.Errorf("three workers took turns like this: %v", order)
	}
}

func TestServicesAreApart(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	name := func(_ context.Context, t *workerpool.Task) ([]byte, error) { return []byte("by " + t.Service), nil }
	g := newGate()
	m.Work("DC1", 1, g.handle)
	m.WorkService("DC1", "gpu", 2, name)
	m.WorkService("DC2", "cpu", 2, name)
	// The default service is busy and has a queue; the others do not mind.
	client := m.Client("DC1")
	first := ask(t, client, task("first"))
	receive(t, g.began)
	second := ask(t, client, task("second"))
	for range 5 {
		for _, at := range m.Names() {
			wantAnswer(t, m.Request(at, "gpu", nil), "by gpu", "DC1")
			wantAnswer(t, m.Request(at, "cpu", nil), "by cpu", "DC2")
		}
	}
	if l := m.View("DC1").Load(""); l.Workers != 1 || l.Idle != 0 || l.Waiting != 1 {
		t.Errorf("the default service: %+v", l)
	}
	close(g.open)
	wantAnswer(t, receive(t, first), "first", "DC1")
	wantAnswer(t, receive(t, second), "second", "DC1")
}

func TestQueueLimit(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) { c.QueueLimit = 2 }))
	g := newGate()
	m.Work("DC1", 1, g.handle)
	client := m.Client("DC1")
	var waiting []<-chan *nats.Msg
	for i := range 3 {
		waiting = append(waiting, ask(t, client, task(fmt.Sprint(i))))
	}
	wantError(t, receive(t, ask(t, client, task("one too many"))), "429")
	wantError(t, receive(t, ask(t, client, taskFor("other", "of any service"))), "429")
	close(g.open)
	for i, answers := range waiting {
		wantAnswer(t, receive(t, answers), fmt.Sprint(i), "DC1")
	}
	wantAnswer(t, receive(t, ask(t, client, task("room again"))), "room again", "DC1")
}

// The code of an error reply says what was missing.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout = 100 * time.Millisecond }))
	client := m.Client("DC1")
	wantError(t, receive(t, ask(t, client, task("nobody works"))), "404")
	wantError(t, receive(t, ask(t, client, within("50ms", task("nobody works")))), "404")
	slow := newGate()
	workers := m.Work("DC2", 1, slow.handle)
	wantError(t, receive(t, ask(t, client, taskFor("gpu", "nobody offers it"))), "404")
	// It runs for longer than a task may wait, and is given up at its deadline only.
	away := ask(t, client, within("2s", task("running away")))
	receive(t, slow.began)
	wantError(t, receive(t, away), "504")
	close(slow.open)
	workers.Stop()
	m.AwaitWorkers("DC2", "", 0)

	g := newGate()
	m.Work("DC2", 1, g.handle)
	home := newGate()
	m.Work("DC1", 1, home.handle)
	stuck := ask(t, client, task("as long as it takes"))
	receive(t, home.began)
	running := ask(t, m.Client("DC2"), task("as long as it takes"))
	receive(t, g.began)
	wantError(t, receive(t, ask(t, client, task("waiting"))), "503")
	wantError(t, receive(t, ask(t, client, within("50ms", task("waiting")))), "504")
	close(home.open)
	close(g.open)
	wantAnswer(t, receive(t, stuck), "as long as it takes", "DC1")
	wantAnswer(t, receive(t, running), "as long as it takes", "DC2")
}

// What one node cannot do at once, the others do: nothing waits while there is
// an idle worker in the mesh.
func TestOverflowSpreads(t *testing.T) {
	t.Parallel()
	const workers = 4
	m := nodetest.Start(t, 3, patient)
	g := newGate()
	for _, name := range m.Names() {
		m.Work(name, workers, g.handle)
	}
	client := m.Client("DC1")
	var answers []<-chan *nats.Msg
	for i := range 3 * workers {
		answers = append(answers, ask(t, client, task(fmt.Sprint(i))))
	}
	for range answers {
		receive(t, g.began) // all at the same time
	}
	close(g.open)
	by := make(map[string]int)
	for _, ch := range answers {
		by[receive(t, ch).Header.Get(mesh.HeaderNode)]++
	}
	for _, name := range m.Names() {
		if by[name] != workers {
			t.Errorf("%d tasks were done by %s; all: %v", by[name], name, by)
		}
	}
}

// Tasks that wait where nobody works are done as soon as somebody works
// elsewhere, each once.
func TestWaitingTasksGo(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient)
	client := m.Client("DC1")
	var answers []<-chan *nats.Msg
	for i := range 50 {
		answers = append(answers, ask(t, client, task(fmt.Sprint(i))))
	}
	m.Await("DC1", "the queue", func(v node.View) bool { return v.Load("").Waiting == len(answers) })
	m.Await("DC2", "the queue of DC1", func(v node.View) bool { l, _ := v.Peer("DC1", ""); return l.Waiting == len(answers) })
	var did sync.Map
	m.Work("DC2", 3, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		if _, twice := did.LoadOrStore(string(task.Data), true); twice {
			t.Errorf("task %s was done twice", task.Data)
		}
		return task.Data, nil
	})
	for i, ch := range answers {
		wantAnswer(t, receive(t, ch), fmt.Sprint(i), "DC2")
	}
	if v := m.View("DC2"); v.Stats.GuestsDone != uint64(len(answers)) {
		t.Errorf("DC2: %+v", v.Stats)
	}
}

// Sixty of the largest tasks at once, to two workers and back: all are answered, and
// the node keeps its connections. (Of more some are refused if the node lags behind.)
func TestLargestTasks(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	m.Work("DC1", 2, echo)
	payload := bytes.Repeat([]byte("x"), node.MaxTask)
	var all sync.WaitGroup
	for range 12 {
		// Over TCP, as clients come. In process a connection has no buffer at all,
		// and one that pushes megabytes and is not quick to read them is cut off.
		client, err := nats.Connect(m.Node("DC1").LocalURL(), nats.Timeout(nodetest.Timeout))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for range 5 {
			all.Go(func() {
				answer, err := client.Request(mesh.SubjectRequest, payload, 2*nodetest.Timeout)
				if err != nil {
					t.Error(err)
					return
				}
				if code, text := nodetest.ErrorOf(answer); code != "" || !bytes.Equal(answer.Data, payload) {
					t.Errorf("%d bytes, error %s %s", len(answer.Data), code, text)
				}
			})
		}
	}
	all.Wait()
	if v := m.View("DC1"); v.Stats.Answered != 60 || v.Stats.Lost > 0 || v.Load("").Workers != 2 {
		t.Errorf("%+v", v)
	}
}
