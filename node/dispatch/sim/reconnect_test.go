package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// A busy worker comes back with its inbox before or after its node knows that
// the old connection ended, with its task or without.
func TestReconnect(t *testing.T) {
	for seed := range uint64(20) {
		for _, notice := range []time.Duration{0, 300 * time.Millisecond} {
			o := kindly(1)
			o.Seed, o.Notice = seed, Between(notice, notice)
			w := New(o)
			k := w.AddWorkers(w.Node(0), "", 1, 1)[0]
			run(t, w, 100*time.Millisecond)
			tasks := ask(w, 0, 3)
			run(t, w, 5*time.Millisecond)
			w.Cut(k.Connection(), 50*time.Millisecond)
			finish(t, w, tasks)
		}
	}
}

// A worker is back twice while its node still waits for the end of the first
// connection, and the last one ends before that is known: then it is not there,
// whatever READY it sent.
func TestReconnectTwice(t *testing.T) {
	for seed := range uint64(20) {
		o := kindly(1)
		slow := true
		o.Seed, o.Work = seed, Between(second, second)
		o.Notice = func(_ *rand.Rand) time.Duration {
			if slow {
				slow = false
				return 500 * time.Millisecond
			}
			return 0
		}
		w := New(o)
		k := w.AddWorkers(w.Node(0), "", 1, 1)[0]
		run(t, w, 100*time.Millisecond)
		w.Request(w.Node(0), dispatch.Request{})
		run(t, w, 5*time.Millisecond)
		w.Cut(k.Connection(), 10*time.Millisecond)
		run(t, w, 50*time.Millisecond)
		w.Cut(k.Connection(), -1)
		report(t, w, w.Settle(12*second))
		if l := w.Node(0).Core().Capacity(0, "", ""); l.Workers != 0 {
			t.Errorf("seed %d: %+v\n%s", seed, l, w.Log())
		}
	}
}

// A READY that was sent before a guest came frees a worker of it whose origin has gone
// meanwhile: for the node it is one of after, and the next task comes too soon.
func TestReadyFromBeforeADroppedGuest(t *testing.T) {
	o := kindly(2)
	o.Local = Between(5*time.Millisecond, 5*time.Millisecond)
	w := New(o)
	k := w.AddWorkers(w.Node(1), "", 1, 1)[0]
	run(t, w, 100*time.Millisecond)
	k.Ready()
	guest := w.Request(w.Node(0), dispatch.Request{})
	run(t, w, 3*time.Millisecond) // it is dispatched, the READY not there yet
	w.Leave(w.Node(0))
	run(t, w, 3*time.Millisecond)
	own := w.Request(w.Node(1), dispatch.Request{})
	report(t, w, w.Settle(12*second))
	if guest.Runs != 1 || own.Runs != 1 || own.Answers != 1 {
		t.Errorf("%+v\n%+v\n%s", *guest, *own, w.Log())
	}
}

// A dispatch to a worker that has gone without a word comes back, unharmed.
func TestUndelivered(t *testing.T) {
	w := New(kindly(1))
	k := w.AddWorkers(w.Node(0), "", 2, 2)
	run(t, w, 100*time.Millisecond)
	k[0].Vanish()
	run(t, w, 10*time.Millisecond)
	tasks := ask(w, 0, 1)
	finish(t, w, tasks)
	within(t, tasks[0], 0, 50*time.Millisecond, 1)
	if n := w.Node(0).Core().Stats().Undelivered; n != 1 {
		t.Errorf("%d dispatches undelivered, want 1", n)
	}
}

// A worker that leaves does what it has in hand.
func TestLeave(t *testing.T) {
	w := New(kindly(1))
	k := w.AddWorkers(w.Node(0), "", 1, 1)[0]
	run(t, w, 100*time.Millisecond)
	tasks := ask(w, 0, 1)
	run(t, w, 5*time.Millisecond)
	k.Leave()
	finish(t, w, tasks)
	within(t, tasks[0], 0, 50*time.Millisecond, 1)
	if !k.Gone() {
		t.Error("the worker did not end")
	}
}
