package sim

import (
	"cmp"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// edge is a world in which all workers, of 100 tasks a second, are at one node, n1.
// n0 has none. Each has room for so many that wait; 0: for as many as by default.
func edge(t *testing.T, room int, hooks func(*World, *Hooks)) *World {
	o := kindly(2)
	o.Config = dispatch.DefaultConfig()
	o.Config.QueueLimit = cmp.Or(room, o.Config.QueueLimit)
	o.Work = Between(40e6, 40e6)
	w := New(o)
	if hooks != nil {
		hooks(w, &w.opt.Hooks)
	}
	w.AddWorkers(w.Node(1), "", 4, 1)
	run(t, w, second)
	return w
}

// A burst at a node without workers has its turn by age among the tasks of a peer
// whose own clients have 20 waiting at any time.
func TestBurstWithoutWorkers(t *testing.T) {
	for _, timeout := range []time.Duration{0, 7 * second} {
		var again func()
		own := make(map[*Task]bool)
		w := edge(t, 0, func(w *World, hooks *Hooks) {
			again = func() { own[w.Request(w.Node(1), dispatch.Request{Timeout: 20 * second})] = true }
			hooks.Answered = func(k *Task) {
				if own[k] && w.Now() < 20*second {
					again()
				}
			}
		})
		for range 24 {
			again()
		}
		run(t, w, 2*second)
		var burst []*Task
		for range 40 {
			burst = append(burst, w.Request(w.Node(0), dispatch.Request{Timeout: timeout}))
		}
		run(t, w, 10*second)
		for _, k := range burst { // 20 before them, and each other: 0.6 s
			if took := k.Answered - k.Arrived; k.Answers != 1 || k.Code != 0 || took > 700*time.Millisecond {
				t.Fatalf("with %v: %v: %d answers, code %d after %v\n%s", timeout, k, k.Answers, k.Code, took, w.Log())
			}
		}
		for k := range own {
			if took := k.Answered - k.Arrived; k.Answers == 1 && took > 700*time.Millisecond {
				t.Errorf("with %v: %v of the peer's own took %v", timeout, k, took)
			}
		}
	}
}

// However many tasks come to a node without workers: most of those of its peer's own
// clients are done, if they alone are not too many.
func TestFloodWithoutWorkers(t *testing.T) {
	for _, c := range []struct {
		timeout    time.Duration
		own, flood int     // a second
		want       float64 // the part of the own that is done
		room       int
	}{
		{0, 90, 60, 0.95, 0},
		{0, 80, 200, 0.9, 0},
		{0, 50, 300, 0.8, 0},
		{2 * second, 90, 60, 0.95, 0},
		{2 * second, 80, 200, 0.9, 0},
		{2 * second, 50, 300, 0.5, 0},
		{2 * second, 80, 200, 0.9, 300},
		{2 * second, 50, 300, 0.5, 300},
		{2 * second, 80, 1000, 0.9, 300},
	} {
		w := edge(t, c.room, nil)
		var own, flood []*Task
		for range 30 {
			for i, at := range []struct {
				tasks  *[]*Task
				number int
			}{{&flood, c.flood}, {&own, c.own}} {
				for j := range at.number {
					w.After(second*time.Duration(j)/time.Duration(at.number), func() {
						*at.tasks = append(*at.tasks, w.Request(w.Node(i), dispatch.Request{Timeout: c.timeout}))
					})
				}
			}
			run(t, w, second)
		}
		run(t, w, 10*second)
		if got := done(own); got < c.want {
			t.Errorf("%+v: %.2f of the own are done, and %.2f of the others", c, got, done(flood))
		}
	}
}

// done returns the part of the tasks that a worker answered.
func done(tasks []*Task) float64 {
	n := 0
	for _, k := range tasks {
		if k.Answers > 0 && k.Code == 0 {
			n++
		}
	}
	return float64(n) / float64(len(tasks))
}
