package dispatch

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// News go out by the shortest tasks that workers here do, and seldom while nobody is there
// to make use of them.
func TestIntervalIsThatOfTheShortestTasks(t *testing.T) {
	c, now := benchmarkCore(), time.Duration(0)
	want := func(when string, want time.Duration) {
		t.Helper()
		if got := c.interval(); got != want {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	run := func(service string, takes time.Duration) {
		c.Ready(now, Ready{ID: WorkerID{Inbox: "w" + service, Client: 1}, Service: service}, nil)
		fx := c.Request(now, Request{Message: "task", Service: service}, nil)
		now += takes
		c.Done(now, fx[0].Attempt, "answer", nil)
	}
	run("a", 30*time.Millisecond)
	want("without a peer", mesh.MaxInterval)
	c.PeerState(now, 2, mesh.State{Version: 1, Name: "DC2", Incarnation: "2", Sequence: 1}, nil)
	want("with one service", 15*time.Millisecond)
	run("b", 100*time.Millisecond)
	run("0", 60*time.Millisecond)
	want("with longer tasks before and after it", 15*time.Millisecond)
	c.Leave(now, "wa")
	want("without its worker", 30*time.Millisecond)
	for _, inbox := range []string{"wb", "w0"} {
		c.Leave(now, inbox)
	}
	want("without a worker", mesh.UnknownInterval)
	c.cfg.AnnounceInterval = 7 * time.Millisecond
	want("as told", 7*time.Millisecond)
}
