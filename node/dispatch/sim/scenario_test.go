package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

const second = time.Second

// kindly returns the options of a world in which nothing goes wrong by itself: a
// cloud message takes 2 ms, a task 20 ms.
func kindly(nodes int) Options {
	return Options{
		Nodes: nodes, Seed: 1, Trace: 200,
		Local: Between(1e5, 1e5), Cloud: Between(2e6, 2e6), Work: Between(20e6, 20e6), Notice: Between(0, 0),
	}
}

// losing returns a hook that loses the first messages of a kind.
func losing(what Kind, number int) func(Message) bool {
	return func(m Message) bool {
		if m.Kind == what && number > 0 {
			number--
			return true
		}
		return false
	}
}

// ask has clients of a node send tasks that are to be done some time.
func ask(w *World, n int, number int) []*Task {
	var tasks []*Task
	for range number {
		tasks = append(tasks, w.Request(w.Node(n), dispatch.Request{Timeout: 20 * second}))
	}
	return tasks
}

func run(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	report(t, w, w.Run(w.Now()+d))
}

// finish checks that the tasks were answered by workers, that the world comes
// to rest, and that each node can reach every idle worker.
func finish(t *testing.T, w *World, tasks []*Task) {
	t.Helper()
	report(t, w, w.Settle(12*second))
	for _, k := range tasks {
		if k.Answers != 1 || k.Code != 0 {
			t.Errorf("%v: %d answers, code %d\n%s", k, k.Answers, k.Code, w.Log())
		}
	}
	report(t, w, burst(w))
}

// within checks how long a task took and how often it was begun.
func within(t *testing.T, k *Task, least, most time.Duration, runs int) {
	t.Helper()
	if took := k.Answered - k.Arrived; took < least || took > most || k.Runs != runs {
		t.Errorf("%v took %v and %d runs, want %v to %v and %d\n%s", k, took, k.Runs, least, most, runs, k.Origin.world.Log())
	}
}

func TestLostDelegation(t *testing.T) {
	o := kindly(2)
	o.Hooks.Lose = losing(Delegation, 1)
	w := New(o)
	w.AddWorkers(w.Node(1), "", 1, 1)
	run(t, w, second)
	tasks := ask(w, 0, 1)
	finish(t, w, tasks)
	within(t, tasks[0], second, 2*second+100*time.Millisecond, 1)
}

func TestLostAnswer(t *testing.T) {
	o := kindly(2)
	o.Hooks.Lose = losing(Answer, 1)
	w := New(o)
	w.AddWorkers(w.Node(1), "", 1, 1)
	run(t, w, second)
	tasks := ask(w, 0, 1)
	finish(t, w, tasks)
	within(t, tasks[0], second, 2*second+100*time.Millisecond, 1)
}

func TestLostReturn(t *testing.T) {
	o := kindly(2)
	o.Hooks.Lose = losing(Returning, 1)
	w := New(o)
	w.AddWorkers(w.Node(1), "", 1, 1)
	run(t, w, second)
	tasks := append(ask(w, 0, 1), ask(w, 1, 1)...) // both want the one worker
	finish(t, w, tasks)
	within(t, tasks[0], second, 2*second+100*time.Millisecond, 1)
	if w.Node(1).Core().Stats().GuestsBack == 0 {
		t.Error("nothing was returned")
	}
}

func TestPeerKilled(t *testing.T) {
	w := New(kindly(3))
	w.AddWorkers(w.Node(1), "", 4, 2)
	run(t, w, second)
	tasks := ask(w, 0, 4)
	run(t, w, 10*time.Millisecond)
	for _, k := range tasks {
		if k.Runs != 1 {
			t.Fatalf("%v was begun %d times\n%s", k, k.Runs, w.Log())
		}
	}
	w.Kill(w.Node(1))
	w.AddWorkers(w.Node(2), "", 1, 1)
	finish(t, w, tasks)
	for _, k := range tasks { // a ping finds nobody, and 200 ms later the peer is dead
		within(t, k, 200*time.Millisecond, 500*time.Millisecond, 2)
	}
}

func TestSameNameRestart(t *testing.T) {
	w := New(kindly(2))
	w.AddWorkers(w.Node(1), "", 4, 2)
	run(t, w, second)
	tasks := ask(w, 0, 4)
	run(t, w, 10*time.Millisecond)
	w.Kill(w.Node(1))
	run(t, w, 10*time.Millisecond)
	w.Restart(w.Node(1))
	finish(t, w, tasks)
	for _, k := range tasks { // the new incarnation's first word is enough
		if k.Runs != 2 || k.Answered-k.Arrived > 200*time.Millisecond {
			t.Errorf("%v took %v and %d runs\n%s", k, k.Answered-k.Arrived, k.Runs, w.Log())
		}
	}
}

func TestPartition(t *testing.T) {
	for _, told := range []bool{false, true} {
		w := New(kindly(2))
		w.AddWorkers(w.Node(1), "", 8, 1)
		run(t, w, second)
		tasks := ask(w, 0, 2)
		run(t, w, 10*time.Millisecond)
		w.Partition(w.Node(0), w.Node(1), w.Now()+6*second, told)
		tasks = append(tasks, ask(w, 0, 2)...)
		run(t, w, 5*second)
		if n := len(w.Node(0).Core().Peers()); n != 0 {
			t.Errorf("told %v: %d peers while parted", told, n)
		}
		if n := w.Node(0).Core().Stats().Delegated; n > 10 { // an unreachable peer is not tried again and again
			t.Errorf("told %v: %d delegations", told, n)
		}
		finish(t, w, tasks)
		for _, k := range tasks {
			within(t, k, 5*second, 8*second, k.Runs)
		}
	}
}

// Answers overtake the states from before them, and states each other.
func TestReorder(t *testing.T) {
	o := kindly(3)
	o.Hooks.Delay = func(m Message) (time.Duration, bool) {
		if m.Kind == State {
			return time.Duration(m.From.world.Random().IntN(800)) * time.Millisecond, true
		}
		return 0, false
	}
	w := New(o)
	w.AddWorkers(w.Node(1), "", 3, 1)
	w.AddWorkers(w.Node(2), "", 3, 3)
	run(t, w, 2*second)
	var tasks []*Task
	for range 200 {
		tasks = append(tasks, ask(w, w.Random().IntN(3), 1+w.Random().IntN(4))...)
		run(t, w, 15*time.Millisecond)
	}
	finish(t, w, tasks)
}

// A peer that failed task after task gets one to try, which the burst allows for, and
// with the success all that it can do.
func TestPeerThatFailed(t *testing.T) {
	o, hang := kindly(2), true
	o.Config = dispatch.DefaultConfig()
	o.Config.AttemptTimeout, o.Config.MaxAttempts = 50*time.Millisecond, 1
	o.Work = func(*rand.Rand) time.Duration {
		if hang {
			return second
		}
		return 20 * time.Millisecond
	}
	w := New(o)
	w.AddWorkers(w.Node(0), "", 1, 1)
	w.AddWorkers(w.Node(1), "", 9, 1)
	run(t, w, second)
	doubted := func() int { return len(w.Node(0).thinks(w.Node(1)).Doubted) }
	for range 10 {
		if doubted() == 0 {
			w.Request(w.Node(0), dispatch.Request{})
			run(t, w, 20*time.Millisecond)
		}
	}
	report(t, w, w.Settle(12*second))
	if doubted() == 0 {
		t.Fatal("it is not put aside")
	}
	hang = false
	report(t, w, burst(w))
	if doubted() > 0 {
		t.Errorf("%+v", *w.Node(0).thinks(w.Node(1)))
	}
	report(t, w, burst(w))
}
