package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// World is nodes with their workers and clients, and the networks between.
type World struct {
	opt    Options
	random *rand.Rand
	now    time.Duration
	events events
	count  uint64 // events scheduled so far
	done   uint64 // events run so far

	nodes   []*Node
	network network
	workers int // made so far
	tasks   int // made so far
	open    []*Task
	log     log
	err     error
}

// New returns a world at time 0 whose nodes are up, without workers, and have
// not heard of each other.
func New(o Options) *World {
	o = o.withDefaults()
	w := &World{
		opt:    o,
		random: rand.New(rand.NewPCG(o.Seed, 0x6d657368)),
		log:    newLog(o.Trace),
	}
	w.network = newNetwork(w)
	for i := range o.Nodes {
		w.nodes = append(w.nodes, &Node{world: w, index: i, name: fmt.Sprintf("n%d", i)})
	}
	for _, n := range w.nodes {
		n.start()
	}
	return w
}

// Now returns the world's time.
func (w *World) Now() time.Duration { return w.now }

// Random returns the world's generator, for what its user draws.
func (w *World) Random() *rand.Rand { return w.random }

// Events returns how many events have happened.
func (w *World) Events() uint64 { return w.done }

// Nodes returns every node, up or not.
func (w *World) Nodes() []*Node { return w.nodes }

// Node returns the node of the given index.
func (w *World) Node(i int) *Node { return w.nodes[i] }

// At schedules f for time t, or for now if that is later.
func (w *World) At(t time.Duration, f func()) {
	w.count++
	heap.Push(&w.events, &event{at: max(t, w.now), sequence: w.count, run: f})
}

// After schedules f.
func (w *World) After(d time.Duration, f func()) { w.At(w.now+d, f) }

// Run lets the world go on until the given time, or until a rule is broken;
// then it returns which.
func (w *World) Run(until time.Duration) error {
	for w.err == nil && len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(*event)
		w.now = e.at
		w.done++
		e.run()
	}
	if w.err == nil {
		w.now = max(w.now, until)
	}
	return w.err
}

// fail notes that a rule is broken. The world stops.
func (w *World) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%v: "+format, append([]any{w.now}, args...)...)
		w.note("BROKEN: %v", w.err)
	}
}

func (w *World) chance(p float64) bool { return p > 0 && w.random.Float64() < p }
