package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

func benchmarkCore() *Core {
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation = "DC1", 1
	return New(cfg)
}

// BenchmarkLocal is the way of a task that finds an idle worker: request,
// dispatch, done.
func BenchmarkLocal(b *testing.B) {
	for _, workers := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
			for i := range workers {
				fx = c.Ready(0, Ready{ID: WorkerID{Inbox: fmt.Sprintf("w%d", i), Client: uint64(i)}}, fx[:0])
			}
			var message any = "task"
			b.ReportAllocs()
			for b.Loop() {
				now += time.Microsecond
				fx = c.Request(now, Request{Message: message, Timeout: time.Second}, fx[:0])
				fx = c.Done(now, fx[0].Attempt, message, fx[:0])
			}
		})
	}
}

// BenchmarkQueue is the way of a task that has to wait, with so many others in
// front of it: each answer gives the worker the next.
func BenchmarkQueue(b *testing.B) {
	for _, queue := range []int{10, 9999} {
		b.Run(fmt.Sprintf("waiting=%d", queue), func(b *testing.B) {
			c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
			fx = c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, fx)
			var message any = "task"
			request := Request{Message: message, Timeout: time.Hour}
			fx = c.Request(now, request, fx[:0])
			held := fx[0].Attempt
			for range queue - 1 {
				c.Request(now, request, nil)
			}
			b.ReportAllocs()
			for b.Loop() {
				now += time.Microsecond
				fx = c.Request(now, request, fx[:0])
				fx = c.Done(now, held, message, fx[:0])
				held = fx[1].Attempt // after the reply
			}
		})
	}
}

// BenchmarkOverflow is the way of a task that a peer does: request, delegate,
// answer. In a large mesh the node has its neighbours, as it has when it runs.
func BenchmarkOverflow(b *testing.B) {
	for _, peers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
			for i := range peers {
				fx = c.PeerCapacity(0, mesh.Capacity{Node: fmt.Sprintf("P%d", i), Incarnation: 1, Sequence: 1, Workers: 10, Idle: 10}, fx[:0])
			}
			fx = c.Tick(0, fx[:0]) // announces itself, and chooses its neighbours
			var message any = "task"
			b.ReportAllocs()
			for b.Loop() {
				now += time.Microsecond
				fx = c.Request(now, Request{Message: message}, fx[:0])
				fx = c.Answered(now, fx[0].Attempt, message, fx[:0])
			}
		})
	}
}

// BenchmarkGuest is the way of a peer's task here: guest, dispatch, done.
func BenchmarkGuest(b *testing.B) {
	c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
	fx = c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, fx)
	d := mesh.Delegation{Origin: "P", Incarnation: 1, Attempt: mesh.Attempt{Incarnation: 1}}
	var message any = "task"
	b.ReportAllocs()
	for b.Loop() {
		now += time.Microsecond
		d.Attempt.Random++
		fx = c.Guest(now, d, message, fx[:0])
		fx = c.Done(now, fx[0].Attempt, message, fx[:0])
	}
}

// BenchmarkPeerState is one announcement of a peer, of as many as there are.
func BenchmarkPeerState(b *testing.B) {
	for _, peers := range []int{10, 1000} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
			states := make([]mesh.State, peers)
			for i := range states {
				states[i] = mesh.State{Name: fmt.Sprintf("P%d", i), Services: []mesh.Load{{Workers: 10, Idle: 10}}}
			}
			for _, s := range states {
				fx = c.PeerState(0, 1, s, fx[:0])
			}
			fx = c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, fx)
			fx = c.Tick(0, fx[:0])
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				now += time.Microsecond
				s := &states[i%peers]
				s.Sequence++
				fx = c.PeerState(now, 1, *s, fx[:0])
				i++
			}
		})
	}
}

// BenchmarkFull is a queue of many clients, nearly full: each request is looked up
// with its client.
func BenchmarkFull(b *testing.B) {
	const clients = 1000
	c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
	fx = c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, fx)
	var message any = "task"
	request := Request{Message: message, Timeout: time.Hour}
	names := make([]string, clients)
	for i := range names {
		names[i] = fmt.Sprintf("_INBOX.%022d", i)
	}
	fx = c.Request(now, request, fx[:0])
	held := fx[0].Attempt
	for i := range c.cfg.QueueLimit - 10 {
		request.Client = names[i%clients]
		c.Request(now, request, nil)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		now += time.Microsecond
		request.Client = names[i%clients]
		i++
		fx = c.Request(now, request, fx[:0])
		fx = c.Done(now, held, message, fx[:0])
		held = fx[1].Attempt // after the reply
	}
}
