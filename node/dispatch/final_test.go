package dispatch

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// A task that was given back twice is sent with the patience of the queue timeout at
// least, so that the third peer queues it though it would be done sooner here. One that
// would wait here for longer brings that along.
func TestPatienceOfTheThirdTime(t *testing.T) {
	for _, own := range []time.Duration{100 * time.Millisecond, time.Hour} {
		c := benchmarkCore()
		now := time.Duration(0)
		ready(c)
		held := c.Request(now, Request{Message: "busy"}, nil)[0].Attempt
		now += own // what a task takes here, and so about how long the next one waits
		c.Done(now, held, "answer", nil)
		c.Request(now, Request{Message: "busy"}, nil)
		c.Request(now, Request{Message: "waits"}, nil)
		for number := range uint64(maxSends) {
			fx := c.PeerCapacity(now, mesh.Capacity{Node: "DC2", Incarnation: 2, Sequence: 2*number + 1, Workers: 1, Idle: 1, Received: number}, nil)
			sent := fx[len(fx)-1]
			if sent.Do != Delegate {
				t.Fatalf("not delegated: %+v", fx)
			}
			want := own
			if number == maxSends-1 {
				want = max(own, c.cfg.QueueTimeout)
			}
			if sent.Patience != want {
				t.Errorf("sent for time %d with patience %v, want %v: tasks take %v here", number+1, sent.Patience, want, own)
			}
			c.PeerCapacity(now, mesh.Capacity{Node: "DC2", Incarnation: 2, Sequence: 2*number + 2, Workers: 1, Received: number + 1}, nil)
			c.Returned(now, sent.Attempt, 0, nil)
		}
	}
}
