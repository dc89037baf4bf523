package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh/client"
)

// The clients of the guide's peering3: each pauses for up to five seconds, then
// sends a burst of up to fifteen tasks, one after the other, and complains of
// one that is not answered in ten seconds. Those of the guide give up then;
// these send the task again, until their patience ends.
const (
	longestPause   = 5 * time.Second
	longestBurst   = 15
	complainsAfter = 10 * time.Second
	patience       = 30 * time.Second
	resubmitPause  = 100 * time.Millisecond
)

// clients are the clients of all nodes.
type clients struct{ done chan struct{} }

// startClients starts every node's clients. They end with sending, each after
// the task it has under way.
func (m *demoMesh) startClients(sending context.Context, o demoOptions, t *tally) (*clients, error) {
	var all sync.WaitGroup
	for _, of := range m.clusters {
		connection, err := client.Connect("nats://"+of.cfg.Listen, client.Retry(), client.NATS(nats.ErrorHandler(m.complain)))
		if err != nil {
			return nil, err // of the address; the first would be as wrong
		}
		var ofNode sync.WaitGroup
		for number := range o.clients {
			origin := of.cfg.Name
			c := &demoClient{name: fmt.Sprintf("%s-client-%d", origin, number), origin: origin, mesh: connection, tally: t, screen: m.screen}
			ofNode.Go(func() {
				defer rescue(m.screen)
				c.run(sending)
			})
		}
		all.Go(func() {
			ofNode.Wait()
			connection.Close()
		})
	}
	c := &clients{done: make(chan struct{})}
	go func() {
		all.Wait()
		close(c.done)
	}()
	return c, nil
}

// wait waits until all clients have ended. A signal cuts that short and makes it
// return false, unless it was one that ended the demo in the first place: the
// next ends the process.
func (c *clients) wait(ctx context.Context) bool {
	hurry := ctx.Done()
	if ctx.Err() != nil {
		hurry = nil
	}
	select {
	case <-c.done:
		return true
	case <-hurry:
		return false
	}
}

// demoClient is one client of a node.
type demoClient struct {
	name, origin string
	mesh         interface { // a *client.Client, but in tests
		Do(context.Context, client.Request) (*client.Reply, error)
	}
	tally  *tally
	screen screen
}

// run sends bursts until sending ends.
func (c *demoClient) run(sending context.Context) {
	for number := 0; ; {
		select {
		case <-time.After(rand.N(longestPause)):
		case <-sending.Done():
			return
		}
		for range 1 + rand.IntN(longestBurst) {
			if sending.Err() != nil {
				return
			}
			number++
			c.tally.begin(c.origin)
			c.tally.end(c.send(fmt.Sprintf("%s-task-%d", c.name, number)))
		}
	}
}

// send sends a task until it is answered or patience ends, and tells its fate. If its
// node goes down package client sends it again; if it gets an error, this does.
func (c *demoClient) send(task string) outcome {
	complaint := time.AfterFunc(complainsAfter, func() {
		c.tally.complain(c.origin)
		c.screen.event(fmt.Sprintf("%s complains: %s is not answered after %s", c.name, task, complainsAfter))
	})
	defer complaint.Stop()
	began := time.Now()
	waiting, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := outcome{task: task, origin: c.origin}
	for {
		answer, err := c.mesh.Do(waiting, client.Request{Data: []byte(task)})
		o.took = time.Since(began)
		if err == nil {
			c.tally.resubmit(c.origin, answer.Sent-1)
			o.fate, o.node, o.worker = answered, answer.Node, answer.Worker
			if string(answer.Data) != task {
				o.fate, o.fault = wrong, fmt.Sprintf("answered with %.40q", answer.Data)
			}
			return o
		}
		select {
		case <-time.After(resubmitPause):
			c.tally.resubmit(c.origin, 1)
		case <-waiting.Done():
			o.fate, o.fault = lost, fmt.Sprintf("not answered after %s: %s", patience, err)
			return o
		}
	}
}
