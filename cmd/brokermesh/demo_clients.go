package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
)

// The clients of the guide's peering3: each pauses for up to five seconds, then
// sends a burst of up to fifteen tasks, one after the other, and complains of
// one that is not answered in ten seconds.
const (
	longestPause  = 5 * time.Second
	longestBurst  = 15
	clientTimeout = 10 * time.Second
)

// clients are the clients of all nodes.
type clients struct{ done chan struct{} }

func (c *clients) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// startClients starts every node's clients. They end with ctx, each after the
// task it has under way.
func (m *demoMesh) startClients(ctx context.Context, o demoOptions, t *tally) (*clients, error) {
	c := &clients{done: make(chan struct{})}
	var all sync.WaitGroup
	for _, n := range m.nodes {
		nc, err := n.Connect(ctx)
		if err != nil {
			return nil, err
		}
		var ofNode sync.WaitGroup
		for i := range o.clients {
			ofNode.Go(func() { client(ctx, n, nc, fmt.Sprintf("%s-client-%d", n.Name(), i), t) })
		}
		all.Go(func() {
			ofNode.Wait()
			nc.Close()
		})
	}
	go func() {
		all.Wait()
		close(c.done)
	}()
	return c, nil
}

// client sends bursts until ctx ends.
func client(ctx context.Context, n *node.Node, nc *nats.Conn, name string, t *tally) {
	for number := 0; ; {
		select {
		case <-time.After(rand.N(longestPause)):
		case <-ctx.Done():
			return
		}
		for range 1 + rand.IntN(longestBurst) {
			if ctx.Err() != nil {
				return
			}
			number++
			send(n, nc, fmt.Appendf(nil, "%s-task-%d", name, number), t)
		}
	}
}

// send sends one task and notes its fate.
func send(n *node.Node, nc *nats.Conn, payload []byte, t *tally) {
	began := time.Now()
	request := &nats.Msg{Subject: mesh.SubjectRequest, Data: payload, Header: nats.Header{mesh.HeaderTimeout: {clientTimeout.String()}}}
	answer, err := nc.RequestMsg(request, clientTimeout+time.Second)
	o := outcome{task: string(payload), origin: n.Name(), took: time.Since(began)}
	switch {
	case err != nil:
		o.fault = err.Error()
	case answer.Header.Get(mesh.HeaderErrorCode) != "":
		o.fault = answer.Header.Get(mesh.HeaderErrorCode) + " " + answer.Header.Get(mesh.HeaderError)
	case !bytes.Equal(answer.Data, payload):
		o.fault = fmt.Sprintf("answered with %.40q", answer.Data)
	default:
		o.node, o.worker = answer.Header.Get(mesh.HeaderNode), answer.Header.Get(mesh.HeaderWorker)
	}
	t.add(o)
}

// outcome is the fate of one task.
type outcome struct {
	task, origin string
	node, worker string // who did it
	took         time.Duration
	fault        string // "": it was answered as it should be
}

var errLost = errors.New("tasks were lost or answered wrongly")

// tally counts who did what. It is safe for concurrent use.
type tally struct {
	names []string

	mu     sync.Mutex
	done   map[[2]string]int // by origin and node
	sent   int
	faults []string
	last   string
}

func newTally(names []string) *tally { return &tally{names: names, done: make(map[[2]string]int)} }

func (t *tally) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	if o.fault != "" {
		t.faults = append(t.faults, o.task+": "+o.fault)
		return
	}
	t.done[[2]string{o.origin, o.node}]++
	t.last = fmt.Sprintf("%s was done by %s of %s in %s", o.task, o.worker, o.node, o.took.Round(time.Millisecond))
}

func (t *tally) lastTask() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// summary prints the whole run. It returns an error if a task was lost or
// answered wrongly.
func (t *tally) summary(out io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	table := tabwriter.NewWriter(out, 0, 4, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\nclients of\\done by\t%s\t\n", strings.Join(t.names, "\t"))
	for _, origin := range t.names {
		fmt.Fprintf(table, "%s\t", origin)
		for _, by := range t.names {
			fmt.Fprintf(table, "%d\t", t.done[[2]string{origin, by}])
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // what cannot be printed cannot be told either
	for _, fault := range t.faults {
		fmt.Fprintln(out, "fault:", fault)
	}
	fmt.Fprintf(out, "\nsent %d, answered %d, lost %d\n", t.sent, t.sent-len(t.faults), len(t.faults))
	if len(t.faults) > 0 {
		return errLost
	}
	return nil
}
