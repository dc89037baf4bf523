package dispatch

import (
	"testing"
	"time"
)

// TestLocalCycleAllocatesNothing keeps the most frequent way free of garbage.
func TestLocalCycleAllocatesNothing(t *testing.T) {
	c, fx, now := benchmarkCore(), make([]Effect, 0, 8), time.Duration(0)
	ready := Ready{ID: WorkerID{Inbox: "w", Client: 1}}
	c.Ready(now, ready, nil)
	var message any = "task"
	allocs := testing.AllocsPerRun(100, func() {
		now += time.Millisecond
		fx = c.Request(now, Request{Message: message, Timeout: time.Second}, fx[:0])
		fx = c.Ready(now, ready, fx) // a repeat that crosses the dispatch
		fx = c.Done(now, fx[0].Attempt, message, fx[:0])
		fx = c.Ready(now, ready, fx) // a repeat while idle
		fx = c.Tick(now, fx)
	})
	if allocs > 0 {
		t.Errorf("%v allocations in a cycle", allocs)
	}
}
