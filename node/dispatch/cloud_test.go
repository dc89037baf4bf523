package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// manyAway returns a core with so many tasks at the peer DC2, all sent at once.
func manyAway(n int) *Core {
	c := benchmarkCore()
	c.PeerCapacity(0, mesh.Capacity{Node: "DC2", Incarnation: 2, Sequence: 1, Workers: n, Idle: n}, nil)
	for range n {
		c.Request(0, Request{Message: "task", Timeout: time.Hour}, nil)
	}
	return c
}

// A peer is asked about each of many tasks, in questions of bounded size.
func TestAskMany(t *testing.T) {
	c := manyAway(2*maxAsk + 5)
	for _, now := range []time.Duration{time.Second, 2 * time.Second} {
		var sizes []int
		asked := make(map[mesh.Attempt]bool)
		for _, e := range c.Tick(now, nil) {
			if e.Do == Ask {
				sizes = append(sizes, len(e.Attempts))
				for _, a := range e.Attempts {
					asked[a] = true
				}
			}
		}
		if got, want := fmt.Sprint(sizes), fmt.Sprint([]int{maxAsk, maxAsk, 5}); got != want || len(asked) != 2*maxAsk+5 {
			t.Errorf("at %v: questions of %s, about %d; want %s", now, got, len(asked), want)
		}
	}
}

// What is announced as riding capacity is the state's, under one sequence.
func TestCapacityIsTheState(t *testing.T) {
	c := benchmarkCore()
	for i := range 3 {
		c.Ready(0, Ready{ID: WorkerID{Inbox: fmt.Sprint("w", i), Client: 1}, Service: "gpu"}, nil)
	}
	c.Request(0, Request{Service: "gpu", Message: "task"}, nil)
	c.Request(0, Request{Service: "cpu", Message: "task"}, nil)
	want := mesh.Capacity{Node: "DC1", Incarnation: 1, Sequence: 1, Service: "gpu", Workers: 3, Idle: 2}
	if got := c.Capacity(0, "gpu", "DC2"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want = mesh.Capacity{Node: "DC1", Incarnation: 1, Sequence: 2, Service: "cpu", Waiting: 1, Excess: 1}
	if got := c.Capacity(0, "cpu", "DC2"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s := c.State(0); s.Sequence != 3 {
		t.Errorf("the state has sequence %d", s.Sequence)
	}
	want = mesh.Capacity{Node: "DC1", Incarnation: 1, Sequence: 4, Service: "unknown"}
	if got := c.Capacity(0, "unknown", "DC2"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.Drain(0)
	want = mesh.Capacity{Node: "DC1", Incarnation: 1, Sequence: 5, Service: "gpu", Workers: 3}
	if got := c.Capacity(0, "gpu", "DC2"); got != want {
		t.Errorf("draining: got %+v, want %+v", got, want)
	}
}

// What peers send counts as demand for about a second, also if it is given back; what the
// node's own clients send does not.
func TestDemand(t *testing.T) {
	c := benchmarkCore()
	c.Request(0, Request{Message: "own"}, nil)
	for i := range uint64(2) {
		c.Guest(0, mesh.Delegation{Origin: "DC2", Incarnation: 2, Attempt: mesh.Attempt{Incarnation: 2, Random: i}}, "guest", nil)
	}
	for now, want := range map[time.Duration]float64{0: 2, time.Second: 0.74, time.Minute: 0} { // 2/e
		if got, told := c.Capacity(now, "", "DC2").Demand, c.Loads(now)[0].Demand; got != want || told != want {
			t.Errorf("at %v a demand of %v rides, and %v is told; want %v", now, got, told, want)
		}
	}
}

// The number of the last task of a peer is told to it, and to all: that of its run that is
// known, given back or not.
func TestReceived(t *testing.T) {
	c := benchmarkCore()
	c.PeerState(0, 2, mesh.State{Version: 1, Name: "DC2", Incarnation: "2", Sequence: 1}, nil)
	for i, d := range []mesh.Delegation{{Incarnation: 2, Number: 7}, {Incarnation: 2, Number: 6}, {Incarnation: 1, Number: 9}} {
		d.Origin, d.Attempt = "DC2", mesh.Attempt{Incarnation: d.Incarnation, Random: uint64(i)}
		c.Guest(0, d, "guest", nil)
		if rides, told := c.Capacity(0, "", "DC2").Received, c.State(0).Received; rides != 7 || len(told) != 1 || told["DC2"] != 7 {
			t.Errorf("after %+v: %d rides, %v is told; want 7", d, rides, told)
		}
	}
}

// Only the worker that has an attempt in hand holds it.
func TestHolds(t *testing.T) {
	c := benchmarkCore()
	c.Ready(0, Ready{ID: WorkerID{Inbox: "w1", Client: 1}}, nil)
	c.Ready(0, Ready{ID: WorkerID{Inbox: "w2", Client: 1}}, nil)
	a := c.Request(0, Request{Message: "task"}, nil)[0].Attempt
	for _, step := range []struct {
		inbox string
		holds bool
	}{{"w1", true}, {"w2", false}, {"w3", false}} {
		if c.Holds(a, step.inbox) != step.holds || c.Knows(step.inbox) != (step.inbox != "w3") {
			t.Errorf("%s holds: %v, known: %v", step.inbox, c.Holds(a, step.inbox), c.Knows(step.inbox))
		}
	}
	if !c.Awaits(a) {
		t.Error("nobody is to answer a task that is in hand")
	}
	c.Done(0, a, nil, nil)
	if c.Holds(a, "w1") || c.Holds(mesh.Attempt{}, "w1") || c.Awaits(a) || c.Awaits(mesh.Attempt{}) {
		t.Error("an attempt that is done is held")
	}
	// One that was given up is to be answered yet.
	a = c.Request(0, Request{Message: "late", Timeout: time.Second}, nil)[0].Attempt
	c.Tick(time.Second, nil)
	if !c.Awaits(a) || !c.Holds(a, "w2") || len(c.tasks.all) > len(c.tasks.free) {
		t.Error("the worker of a task that was given up is not waited for")
	}
}
