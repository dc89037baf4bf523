package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
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
	links := make([]*uplink, len(m.clusters))
	for i, c := range m.clusters {
		var err error
		if links[i], err = dialUplink("nats://"+c.cfg.Listen, m.complain); err != nil {
			return nil, err // the nodes' end closes those that are there
		}
	}
	var all sync.WaitGroup
	for i, u := range links {
		var ofNode sync.WaitGroup
		for number := range o.clients {
			origin := m.clusters[i].cfg.Name
			c := &client{name: fmt.Sprintf("%s-client-%d", origin, number), origin: origin, requester: u, tally: t, screen: m.screen}
			ofNode.Go(func() {
				defer rescue(m.screen)
				c.run(sending)
			})
		}
		all.Go(func() {
			ofNode.Wait()
			u.nc.Close()
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

// client is one client of a node.
type client struct {
	name, origin string
	requester    interface {
		request(ctx context.Context, task []byte, timeout time.Duration) (*nats.Msg, error)
	}
	tally  *tally
	screen screen
}

// run sends bursts until sending ends.
func (c *client) run(sending context.Context) {
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

// send sends a task until it is answered or patience ends, and tells its fate.
func (c *client) send(task string) outcome {
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
		answer, err := c.requester.request(waiting, []byte(task), complainsAfter)
		o.took = time.Since(began)
		switch {
		case err != nil:
			o.fault = err.Error()
		case answer.Header.Get(mesh.HeaderErrorCode) != "":
			o.fault = answer.Header.Get(mesh.HeaderErrorCode) + " " + answer.Header.Get(mesh.HeaderError)
		case !bytes.Equal(answer.Data, []byte(task)):
			o.fate, o.fault = wrong, fmt.Sprintf("answered with %.40q", answer.Data)
			return o
		default:
			o.fate, o.node, o.worker, o.fault = answered, answer.Header.Get(mesh.HeaderNode), answer.Header.Get(mesh.HeaderWorker), ""
			return o
		}
		select {
		case <-time.After(resubmitPause):
			c.tally.resubmit(c.origin)
		case <-waiting.Done():
			o.fate, o.fault = lost, fmt.Sprintf("not answered after %s; last: %s", patience, o.fault)
			return o
		}
	}
}
