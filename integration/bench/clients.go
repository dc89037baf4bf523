package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
)

// patience is how long a client waits for an answer.
const patience = 30 * time.Second

// crew is the clients of a child. In a closed loop each has one request under way
// at a time, in an open loop each connection sends as requests are due.
type crew struct {
	clients     []requester // one for each client; some are the same
	connections []*nats.Conn
	weights     []float64
	urls        int // which the connections are to, in turns
}

// requester is what a client sends requests by: a connection, or the node itself.
type requester func(data []byte) (*nats.Msg, error)

func by(nc *nats.Conn) requester {
	return func(data []byte) (*nats.Msg, error) { return nc.Request(subject, data, patience) }
}

// callers has clients in the node's process call it, without connections.
func (p *player) callers(ctx context.Context, n *node.Node, r role) error {
	call := func(data []byte) (*nats.Msg, error) {
		ctx, end := context.WithTimeout(ctx, patience)
		defer end()
		return n.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: data})
	}
	p.crew = crew{clients: slices.Repeat([]requester{call}, r.N)}
	return await(call)
}

// dialClients connects the clients, and waits until each URL has an answer for them.
func (p *player) dialClients(_ context.Context, r role) (answer, error) {
	made, err := p.connect(r)
	if err != nil {
		return answer{}, err
	}
	p.crew = crew{connections: made, weights: r.Weights, urls: max(1, len(r.URLs))}
	for i := range r.N {
		p.crew.clients = append(p.crew.clients, by(made[i/r.Share]))
	}
	for _, nc := range made[:min(len(made), p.crew.urls)] {
		if err := await(by(nc)); err != nil {
			return answer{}, err
		}
	}
	return answer{}, nil
}

func await(send requester) error {
	var err error
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if err = request(send, make([]byte, stampSize)); err == nil {
			return nil
		}
	}
	return err
}

// request sends a task and checks its answer. By a connection, the code is the same
// for both systems.
func request(send requester, data []byte) error {
	m, err := send(data)
	if err != nil {
		return err
	}
	return check(m, len(data))
}

// check returns what is wrong with an answer to a request of that size.
func check(m *nats.Msg, size int) error {
	if fault := m.Header.Get("Nats-Service-Error"); fault != "" {
		return errors.New(fault)
	}
	if m.Header.Get("Status") == "503" {
		return nats.ErrNoResponders
	}
	if len(m.Data) != size {
		return fmt.Errorf("an answer of %d bytes to %d", len(m.Data), size)
	}
	return nil
}

// load is what the clients saw.
type load struct {
	Tasks   int
	Failed  int
	Fault   string // of the last that failed
	Took    time.Duration
	Latency histogram // from the moment at which the request was to be sent
	Wait    histogram // until a worker began, if workers tell
}

func (l *load) add(o *load) {
	l.Tasks += o.Tasks
	l.Failed += o.Failed
	if o.Fault != "" {
		l.Fault = o.Fault
	}
	l.Latency.add(&o.Latency)
	l.Wait.add(&o.Wait)
}

// load carries out an order to send.
func (p *player) load(ctx context.Context, o order) (load, error) {
	began := time.Now()
	send := p.crew.closedLoop
	if o.Rate > 0 {
		send = p.crew.openLoop
	}
	total, err := send(ctx, began, o)
	total.Took = time.Since(began)
	return total, err
}

// closedLoop has each client send one request after the other.
func (c *crew) closedLoop(_ context.Context, began time.Time, o order) (total load, err error) {
	loads := make([]load, len(c.clients))
	var senders sync.WaitGroup
	for i, send := range c.clients {
		senders.Go(func() { ask(send, began, o, &loads[i]) })
	}
	senders.Wait()
	for i := range loads {
		total.add(&loads[i])
	}
	return total, nil
}

// ask sends one request after the other.
func ask(send requester, began time.Time, o order, l *load) {
	data := make([]byte, o.Size)
	for sent := time.Now(); sent.Sub(began) < o.For; {
		err := request(send, data)
		now := time.Now()
		l.count(err, now.Sub(sent))
		sent = now
	}
}

func (l *load) count(err error, latency time.Duration) {
	if err != nil {
		l.Failed++
		l.Fault = err.Error()
		return
	}
	l.Tasks++
	l.Latency.count(latency)
}
