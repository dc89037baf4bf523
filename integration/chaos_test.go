package integration

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Flags of TestChaos, beside -plane.
var (
	chaosLength = flag.Duration("chaos", 8*time.Second, "how long TestChaos does faults")
	chaosSeed   = flag.Uint64("seed", 0, "seed of TestChaos; 0: a new one")
)

// chaosAttemptTimeout is the nodes' setting: a worker that is stopped for longer
// loses its task.
const chaosAttemptTimeout = 2 * time.Second

// chaos is a mesh of processes, and what happens to it. It belongs to the test's
// own goroutine.
type chaos struct {
	t        *testing.T
	began    time.Time
	dir      string // of the notes
	nodes    []*chaosNode
	workers  []*chaosWorker
	servers  []*chaosServer // of the external plane
	wires    *wires
	homes    map[string]int // of every worker process there was, its node
	faults   []*chaosFault
	due      []chaosDue
	rolling  []*chaosNode // still to be restarted
	events   chan chaosEvent
	watchers sync.WaitGroup

	readyIn, backAfter, drains []time.Duration // of nodes: start to ready, fault to ready, SIGTERM to end
}

// Three nodes and their workers, as processes, are killed, stopped, restarted and
// cut off at random while clients send tasks: every task is answered, once and rightly,
// and none runs twice but for a fault that explains it. The schedule depends on the
// seed alone, what it meets does not.
//
//	go test ./integration -run TestChaos -v -chaos 5m -timeout 20m -seed 123
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("plane %s, seed %d, %s", *plane, seed, *chaosLength)
	c := &chaos{t: t, began: time.Now(), dir: t.TempDir(), wires: newWires(t), homes: make(map[string]int), events: make(chan chaosEvent, 100)}
	ended := make(chan struct{})
	t.Cleanup(func() { // after the processes have ended
		go func() {
			c.watchers.Wait()
			close(ended)
		}()
		for {
			select {
			case <-c.events:
			case <-ended:
				return
			}
		}
	})
	c.newServers()
	c.newNodes()
	c.startAll()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	load := startLoad(ctx, t, c.nodes)
	c.storm(rand.New(rand.NewPCG(seed, 0)), *chaosLength)
	healed := time.Now()
	stop()
	load.senders.Wait()
	settled := time.Since(healed)

	runs := c.runs()
	c.show(c.count(load, runs), settled, load, runs)
	if t.Failed() {
		t.Logf("again: -run TestChaos -plane %s -seed %d -chaos %s", *plane, seed, *chaosLength)
	}
}

// startAll starts the nodes and their workers, and waits until all are known.
func (c *chaos) startAll() {
	c.t.Helper()
	for _, n := range c.nodes {
		c.startNode(n)
	}
	for slices.ContainsFunc(c.nodes, func(n *chaosNode) bool { return n.state != chaosUp }) {
		c.rest(time.Millisecond)
	}
	for _, w := range c.workers {
		c.startWorker(w)
	}
	seen := watch(c.t, c.nodes[0].local)
	ready := make(map[string]bool)
	seen.await("the workers of all nodes", func(s mesh.State) bool {
		ready[s.Name] = idle(s) == 4
		return ready["DC1"] && ready["DC2"] && ready["DC3"]
	})
}

// show prints what was counted and how long things took.
func (c *chaos) show(n chaosCount, settled time.Duration, l *chaosLoad, runs map[string][]*chaosRun) {
	var b strings.Builder
	fmt.Fprintf(&b, "tasks %d, lost %d, wrong or answered twice %d\n", n.tasks, n.lost, n.wrong)
	fmt.Fprintf(&b, "done by a peer %d, sent again by the client %d, answers to repeats %d\n", n.moved, n.again, n.repeats)
	fmt.Fprintf(&b, "executions beyond one %d: after a fault %d, a slow worker %d, unexplained %d\n", n.extra, n.extra-n.slow-n.unexplained, n.slow, n.unexplained)
	kinds := make(map[string]int)
	for _, f := range c.faults {
		kinds[f.kind]++
	}
	for _, kind := range []string{chaosKillWorker, chaosStopWorker, chaosKillNode, chaosTerm, chaosPartition, chaosKillServer} {
		fmt.Fprintf(&b, "%-15s %d\n", kind, kinds[kind])
	}
	ofWorkers, ofPeers := c.elsewhere(l, runs)
	var waits []time.Duration
	for _, k := range l.tasks {
		waits = append(waits, k.answered.Sub(k.sent))
	}
	toPeer := "3.5s" // its silence
	if !external() {
		toPeer = "p99 400ms"
	}
	for _, line := range []struct {
		what, target string
		times        []time.Duration
	}{
		{"killed worker, its task runs elsewhere", "median 10ms", ofWorkers},
		{"killed peer, its tasks run elsewhere", toPeer, ofPeers},
		{"node started again, ready", "", c.readyIn},
		{"node killed or told to end, ready again", "", c.backAfter},
		{"node told to end, ended", "", c.drains},
		{"task sent, answered", "all", waits},
	} {
		fmt.Fprintf(&b, "%-40s %s", line.what, quantiles(line.times))
		if line.target != "" {
			fmt.Fprintf(&b, "; target %s", line.target)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "healed, all answered: %s", settled.Round(time.Millisecond))
	c.t.Logf("%s", b.String())
}

// elsewhere tells how long tasks waited for their next run that were cut off: by
// the death of their worker, or of the node that did it for another.
func (c *chaos) elsewhere(l *chaosLoad, runs map[string][]*chaosRun) (ofWorkers, ofPeers []time.Duration) {
	for id, all := range runs {
		for i, r := range all {
			if i+1 == len(all) {
				break
			}
			for _, f := range c.faults {
				cut := r.begin.Before(f.from) && (r.end.IsZero() || r.end.After(f.from)) && all[i+1].begin.After(f.from)
				switch {
				case !cut:
				case f.kind == chaosKillWorker && f.worker == r.worker:
					ofWorkers = append(ofWorkers, all[i+1].begin.Sub(f.from))
				case f.kind == chaosKillNode && f.node == r.home && l.tasks[id] != nil && l.tasks[id].home >= 0 && l.tasks[id].home != r.home:
					ofPeers = append(ofPeers, all[i+1].begin.Sub(f.from))
				}
			}
		}
	}
	return ofWorkers, ofPeers
}

func quantiles(times []time.Duration) string {
	if len(times) == 0 {
		return "none"
	}
	slices.Sort(times)
	at := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1)+0.5)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("median %s, p99 %s, most %s, of %d", at(0.5), at(0.99), at(1), len(times))
}
