package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/workerpool"
)

// subject is where clients of both systems send requests, and queue the group of
// plain NATS' workers.
const (
	subject = "localfe"
	queue   = "workers"
)

// connections are the ones that a child has made.
type connections struct{ open []*nats.Conn }

// connect makes as many connections as n need of which so many share one, in turns
// to each of the URLs.
func (p *player) connect(r role) ([]*nats.Conn, error) {
	var made []*nats.Conn
	for i := 0; i*r.Share < r.N; i++ {
		to := p.dial
		if to == nil {
			to = func(opts ...nats.Option) (*nats.Conn, error) { return nats.Connect(r.URLs[i%len(r.URLs)], opts...) }
		}
		nc, err := to(nats.MaxReconnects(0), nats.Timeout(10*time.Second), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			return nil, err
		}
		p.ended = append(p.ended, nc.Close)
		made = append(made, nc)
	}
	p.open = append(p.open, made...)
	return made, nil
}

// dialWorkers starts workers that send back what they get: members of a queue
// group, or of workerpool.
func (p *player) dialWorkers(ctx context.Context, r role) (answer, error) {
	made, err := p.connect(r)
	if err != nil {
		return answer{}, err
	}
	var pools sync.WaitGroup
	p.ended = append(p.ended, pools.Wait)
	for i, nc := range made {
		n := min(r.Share, r.N-i*r.Share)
		if r.System == mesh {
			pools.Go(func() {
				_ = workerpool.Run(ctx, nc, workerpool.Config{Workers: n}, workerpool.HandlerFunc(func(_ context.Context, t *workerpool.Task) ([]byte, error) {
					return work(r.Sleep, t.Data), nil
				}))
			})
			continue
		}
		for range n {
			_, err := nc.QueueSubscribe(subject, queue, func(m *nats.Msg) { _ = m.Respond(work(r.Sleep, m.Data)) })
			if err != nil {
				return answer{}, err
			}
		}
		if err := nc.Flush(); err != nil {
			return answer{}, err
		}
	}
	return answer{}, nil
}

// work is what a worker does. One that takes its time tells when it began, in the
// place of the client's stamp.
func work(mean time.Duration, data []byte) []byte {
	if mean > 0 {
		began := time.Now()
		stamp(data, began)
		time.Sleep(time.Duration(rand.ExpFloat64() * float64(mean)))
	}
	return data
}
