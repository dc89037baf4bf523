package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
)

// patience is how long a client waits for an answer.
const patience = 30 * time.Second

// crew is the clients of a child. Each has one request under way at a time.
type crew struct {
	clients []requester // one for each client; some are the same
	to      []int       // which URL it is connected to
	weights []float64
	urls    int
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
	p.crew = crew{urls: 1, clients: slices.Repeat([]requester{call}, r.N), to: make([]int, r.N)}
	return await(call)
}

// dialClients connects the clients, and waits until each URL has an answer for them.
func (p *player) dialClients(_ context.Context, r role) (answer, error) {
	made, err := p.connect(r)
	if err != nil {
		return answer{}, err
	}
	p.crew = crew{weights: r.Weights, urls: max(1, len(r.URLs))}
	for i := range r.N {
		p.crew.clients = append(p.crew.clients, by(made[i/r.Share]))
		p.crew.to = append(p.crew.to, i/r.Share%p.crew.urls)
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
	if fault := m.Header.Get("Nats-Service-Error"); fault != "" {
		return errors.New(fault)
	}
	if len(m.Data) != len(data) {
		return fmt.Errorf("an answer of %d bytes to %d", len(m.Data), len(data))
	}
	copy(data, m.Data[:min(stampSize, len(m.Data))]) // when the worker began, if it tells
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
func (p *player) load(ctx context.Context, o order) load {
	began := time.Now()
	loads := make([]load, len(p.crew.clients))
	var senders sync.WaitGroup
	if o.Rate > 0 {
		p.crew.arrive(ctx, began, o, loads, &senders)
	} else {
		for i, send := range p.crew.clients {
			senders.Go(func() { closedLoop(send, began, o, &loads[i]) })
		}
	}
	senders.Wait()
	total := load{Took: time.Since(began)}
	for i := range loads {
		total.add(&loads[i])
	}
	return total
}

// closedLoop sends one request after the other.
func closedLoop(send requester, began time.Time, o order, l *load) {
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

// arrive sends at a rate, whether answers come or not: requests arrive at random
// at each URL, its clients take turns, and one that is still busy begins late, which
// counts as latency.
func (c *crew) arrive(ctx context.Context, began time.Time, o order, loads []load, senders *sync.WaitGroup) {
	for u := range c.urls {
		due := make(chan time.Time, 1<<20) // nothing blocks the clock
		share := 1 / float64(c.urls)
		if len(c.weights) > 0 {
			share = c.weights[u]
		}
		senders.Go(func() {
			defer close(due)
			gap := float64(time.Second) / (o.Rate * share)
			for at := time.Duration(0); ctx.Err() == nil; {
				at += time.Duration(rand.ExpFloat64() * gap)
				if at > o.For {
					return
				}
				time.Sleep(time.Until(began.Add(at)))
				due <- began.Add(at)
			}
		})
		for i, send := range c.clients {
			if c.to[i] == u {
				senders.Go(func() { openLoop(send, due, o.Size, &loads[i]) })
			}
		}
	}
}

func openLoop(send requester, due <-chan time.Time, size int, l *load) {
	data := make([]byte, max(size, stampSize))
	for at := range due {
		stamp(data, at)
		err := request(send, data)
		l.count(err, time.Since(at))
		if began := stamped(data); err == nil && began.After(at) {
			l.Wait.count(began.Sub(at))
		}
	}
}

// A stamp is a moment by the machine's clock, at the beginning of a payload.
const stampSize = 8

func stamp(data []byte, at time.Time) { binary.BigEndian.PutUint64(data, uint64(at.UnixNano())) }

func stamped(data []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(data))) }
