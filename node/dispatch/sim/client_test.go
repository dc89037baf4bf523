package sim

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Clients go while their tasks wait, before a peer has a worker: the task of the
// one that is back in time is done, that of the other is not started. Nor is one
// whose worker dies.
func TestClientsFlap(t *testing.T) {
	w := New(kindly(2))
	tasks := ask(w, 0, 3)
	tasks[0].Flap(500*time.Millisecond, 3*second)
	tasks[1].Flap(500*time.Millisecond, 8*second)
	run(t, w, second)
	workers := w.AddWorkers(w.Node(1), "", 1, 1)
	run(t, w, second)
	if tasks[0].Answers+tasks[1].Answers+tasks[2].Answers != 1 || tasks[2].Hops != 1 {
		t.Errorf("%+v, %+v, %+v\n%s", *tasks[0], *tasks[1], *tasks[2], w.Log())
	}
	run(t, w, 2*second)
	if tasks[0].Answers != 1 || tasks[0].Runs != 1 {
		t.Errorf("%+v\n%s", *tasks[0], w.Log())
	}
	last := w.Request(w.Node(1), dispatch.Request{})
	last.Flap(time.Millisecond, 20*second)
	run(t, w, 10*time.Millisecond)
	w.Cut(workers[0].Connection(), 0)
	report(t, w, w.Settle(10*second))
	if tasks[1].Runs != 0 || last.Runs != 1 {
		t.Errorf("%v ran %d times, %v %d times\n%s", tasks[1], tasks[1].Runs, last, last.Runs, w.Log())
	}
	if n := w.Node(0).Core().Stats().Dropped + w.Node(1).Core().Stats().Dropped; n != 2 {
		t.Errorf("%d tasks were dropped\n%s", n, w.Log())
	}
}
