package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A stream is a client of an open loop, on a connection of its own, or many: it sends
// when a request is due, whether answers come or not. Nothing waits for an answer but
// its subscription, so that clients take as little as they can of the machine.
type stream struct {
	nc     *nats.Conn
	inbox  string
	sub    *nats.Subscription
	singly bool // one client: what is due before its last answer came is sent then

	mu      sync.Mutex
	data    []byte // of each request: when it was due, twice
	load    load
	waiting int         // for so many answers
	late    []time.Time // requests that were due and are not sent yet
}

func newStream(nc *nats.Conn, o order) (*stream, error) {
	s := &stream{nc: nc, inbox: nc.NewInbox(), singly: o.Singly, data: make([]byte, max(o.Size, 2*stampSize))}
	var err error
	s.sub, err = nc.Subscribe(s.inbox, s.receive)
	return s, err
}

// send sends the request that was due at a time.
func (s *stream) send(due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.singly && s.waiting > 0 {
		s.late = append(s.late, due)
		return
	}
	s.publish(due)
}

func (s *stream) publish(due time.Time) {
	stamp(s.data, due)
	stamp(s.data[stampSize:], due) // a worker that tells when it began writes over the first
	if err := s.nc.PublishRequest(subject, s.inbox, s.data); err != nil {
		s.load.count(err, 0)
		return
	}
	s.waiting++
}

// receive counts an answer.
func (s *stream) receive(m *nats.Msg) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if err := check(m, len(s.data)); err != nil {
		s.load.count(err, 0)
	} else {
		due := stamped(m.Data[stampSize:])
		s.load.count(nil, now.Sub(due))
		if began := stamped(m.Data); began.After(due) {
			s.load.Wait.count(began.Sub(due))
		}
	}
	if len(s.late) > 0 {
		s.publish(s.late[0])
		s.late = s.late[1:]
	}
}

// end waits for the answers that are still to come, not for ever, and returns what
// the stream saw.
func (s *stream) end(until time.Time) load {
	for s.unanswered() > 0 && time.Now().Before(until) {
		time.Sleep(time.Millisecond)
	}
	_ = s.sub.Unsubscribe() // an error: the connection is closed, and the subscription with it
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.waiting + len(s.late); n > 0 {
		s.load.Failed += n
		s.load.Fault = "no answer"
	}
	return s.load
}

func (s *stream) unanswered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting + len(s.late)
}

// openLoop sends at a rate: requests arrive at random at each URL, whose streams
// take turns. One that is sent late counts its latency from when it was due.
func (c *crew) openLoop(ctx context.Context, began time.Time, o order) (load, error) {
	streams := make([][]*stream, c.urls)
	for i, nc := range c.connections {
		s, err := newStream(nc, o)
		if err != nil {
			return load{}, err
		}
		streams[i%c.urls] = append(streams[i%c.urls], s)
	}
	var arrivals sync.WaitGroup
	for u, turns := range streams {
		share := 1 / float64(c.urls)
		if len(c.weights) > 0 {
			share = c.weights[u]
		}
		arrivals.Go(func() { arrive(ctx, began, o.For, o.Rate*share, turns) })
	}
	arrivals.Wait()
	var total load
	until := time.Now().Add(patience)
	for _, turns := range streams {
		for _, s := range turns {
			l := s.end(until)
			total.add(&l)
		}
	}
	return total, nil
}

// arrive has streams send in turns, at random times so many a second.
func arrive(ctx context.Context, began time.Time, length time.Duration, rate float64, turns []*stream) {
	gap := float64(time.Second) / rate
	at := time.Duration(0)
	for i := 0; ctx.Err() == nil; i++ {
		at += time.Duration(rand.ExpFloat64() * gap)
		if at > length {
			return
		}
		time.Sleep(time.Until(began.Add(at)))
		turns[i%len(turns)].send(began.Add(at))
	}
}

// A stamp is a moment by the machine's clock.
const stampSize = 8

func stamp(data []byte, at time.Time) { binary.BigEndian.PutUint64(data, uint64(at.UnixNano())) }

func stamped(data []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(data))) }
