package sim

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// The workers of a node hang, all of them. Which of its own tasks and of its peers'
// they have not begun are done by the peer whose workers do their work, in little more
// than the second after which it shows.
func TestAllWorkersHang(t *testing.T) {
	w := New(kindly(3))
	hung := w.AddWorkers(w.Node(1), "", 50, 10)
	w.AddWorkers(w.Node(2), "", 8, 1) // 400 tasks a second
	var tasks []*Task
	send := func(node, number int, d time.Duration) { // so many a second
		for i := range int(d * time.Duration(number) / second) {
			w.After(second*time.Duration(i)/time.Duration(number), func() {
				tasks = append(tasks, w.Request(w.Node(node), dispatch.Request{Timeout: 30 * second}))
			})
		}
	}
	run(t, w, second)
	send(0, 100, 3*second)
	send(1, 1000, 3*second)
	send(2, 270, 15*second)
	run(t, w, 3*second)
	for _, k := range hung {
		k.Hang()
	}
	tasks = nil
	send(0, 100, 12*second)
	send(1, 20, 12*second)
	run(t, w, 43*second)
	begun := 0
	var worst *Task
	for _, k := range tasks {
		switch {
		case k.Code == 0 && k.Answers == 1:
			if worst == nil || k.Answered-k.Arrived > worst.Answered-worst.Arrived {
				worst = k
			}
		case k.Runs > 0:
			begun++
		default:
			t.Fatalf("%v: code %d", k, k.Code)
		}
	}
	within(t, worst, 0, 1500*time.Millisecond, 1)
	if begun > len(hung) || w.Node(1).Core().Stats().GuestsBack == 0 {
		t.Errorf("%d were begun by %d workers that hang; %+v", begun, len(hung), w.Node(1).Core().Stats())
	}
}
