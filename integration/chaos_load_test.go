package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// chaosTask is what is known of a task on its client's side.
type chaosTask struct {
	id       string
	home     int // the node it was sent to; -1: of a client that goes to any
	sent     time.Time
	answered time.Time
	reply    *client.Reply
	err      error
	answers  int // messages that were answers to it, however often it was sent
}

// chaosLoad is the clients: some know their own node only, some all of them.
type chaosLoad struct {
	patience time.Duration
	senders  sync.WaitGroup

	mu    sync.Mutex
	tasks map[string]*chaosTask
	stray []string // messages to clients that are no answers to their tasks
}

// Senders of each client: one of each home, then one that goes to any node but
// prefers the first or the last. The first node has more than its workers do.
var chaosSenders = []struct{ home, senders int }{{0, 7}, {1, 3}, {2, 2}, {-1, 2}, {-1, 2}}

func startLoad(ctx context.Context, t *testing.T, nodes []*chaosNode) *chaosLoad {
	t.Helper()
	l := &chaosLoad{patience: nodetest.Timeout, tasks: make(map[string]*chaosTask)}
	all := []string{nodes[0].local, nodes[1].local, nodes[2].local}
	for i, s := range chaosSenders {
		urls := strings.Join([]string{all[i%3], all[(i+1)%3], all[(i+2)%3]}, ",")
		if s.home >= 0 {
			urls = all[s.home]
		}
		prefix := fmt.Sprintf("answers%d", i)
		c, err := client.Connect(urls, client.NATS(nats.CustomInboxPrefix(prefix), nats.ConnectHandler(func(nc *nats.Conn) {
			// All that comes is looked at, also what the client drops. In a queue
			// group: the server tells one plain subscription that nobody was there
			// for a request, and that has to be the client's.
			if _, err := nc.QueueSubscribe(prefix+".>", "note", l.note); err != nil {
				t.Error(err)
			}
		})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for j := range s.senders {
			l.senders.Go(func() {
				for number := 0; ctx.Err() == nil; number++ {
					l.send(c, fmt.Sprintf("c%d-%d-%d", i, j, number), s.home)
					time.Sleep(rand.N(20 * time.Millisecond))
				}
			})
		}
	}
	t.Cleanup(l.senders.Wait)
	return l
}

// send sends a task and waits for its answer, as any client does that has
// patience.
func (l *chaosLoad) send(c *client.Client, id string, home int) {
	takes := rand.N(30 * time.Millisecond)
	if rand.IntN(50) == 0 {
		takes += 300 * time.Millisecond
	}
	task := &chaosTask{id: id, home: home, sent: time.Now()}
	l.mu.Lock()
	l.tasks[id] = task
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), l.patience)
	defer cancel()
	reply, err := c.Do(ctx, client.Request{ID: id, Data: fmt.Appendf(nil, "%s %s", id, takes)})
	l.mu.Lock()
	task.answered, task.reply, task.err = time.Now(), reply, err
	l.mu.Unlock()
}

// note takes any message to a client.
func (l *chaosLoad) note(m *nats.Msg) {
	if m.Header.Get("Status") == "503" || m.Header.Get(mesh.HeaderRetry) != "" {
		return // sent again
	}
	id, _, _ := strings.Cut(string(m.Data), " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	if task := l.tasks[id]; task != nil {
		task.answers++
	} else {
		l.stray = append(l.stray, fmt.Sprintf("%s %v %q", m.Subject, m.Header, m.Data))
	}
}

// fault says what is wrong with a task's answer; lost: there is none.
func (k *chaosTask) fault() (fault string, lost bool) {
	if _, ok := errors.AsType[*client.Error](k.err); ok {
		return "refused: " + k.err.Error(), false
	}
	switch {
	case k.err != nil:
		return k.err.Error(), true
	case k.reply == nil:
		return "not answered", true
	case string(k.reply.Data) != chaosAnswer(k.id, workerProcess(k.reply.Worker), k.reply.Attempt):
		return fmt.Sprintf("wrong answer %q of %s, attempt %s", k.reply.Data, k.reply.Worker, k.reply.Attempt), false
	case k.answers > k.reply.Sent:
		return fmt.Sprintf("sent %d times, answered %d times", k.reply.Sent, k.answers), false
	}
	return "", false
}

// workerProcess is the name of the process that a worker is of: a pool adds a
// number to its name.
func workerProcess(worker string) string {
	if i := strings.LastIndexByte(worker, '-'); i >= 0 {
		return worker[:i]
	}
	return worker
}
