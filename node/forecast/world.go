package forecast

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// world is what all policies have in common: time, clients, the network,
// who comes and goes, and what is measured.
type world struct {
	cfg    Config
	now    time.Duration
	start  time.Duration // when the first task may come
	events events
	random *rand.Rand // of what is not the clients'
	policy policy

	names   []string
	region  []int
	slow    []float64
	absent  []bool // has not joined yet, or died
	sources []source

	tasks     pool[task]
	submitted int
	places    [places]int
	lastEnd   time.Duration // when the last task ended
	meter     meter
	sampled   func(*world) // for tests: called now and then
}

// policy decides where tasks run.
type policy interface {
	// submit takes a task of a client, which waits, at its origin, a living node.
	submit(t *task)
	// happen takes an event of one of the policy's own kinds.
	happen(e event)
	// die takes the death of a node, which counts as absent already.
	die(node int32)
	// join takes the start of a node, which counts as present already.
	join(node int32)
}

// Run answers a question. The error says what is wrong with the Config, or is
// what Progress returned.
func Run(c Config) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	return newWorld(c).run()
}

func newWorld(c Config) *world {
	w := &world{
		cfg: c, random: rand.New(rand.NewPCG(c.Seed, 0)),
		slow: c.slowness(), absent: make([]bool, c.Nodes), region: make([]int, c.Nodes),
		start: 2 * (c.interval() + max(c.Delay, c.Far)), // the nodes have met
	}
	for i := range c.Nodes {
		w.names = append(w.names, "DC"+strconv.Itoa(i+1))
		w.region[i] = i * max(1, c.Regions) / c.Nodes
	}
	from := make([]time.Duration, c.Nodes) // the clients of each
	for _, j := range c.Joins {
		from[j.Node-1], w.absent[j.Node-1] = j.At, true
		w.events.push(event{at: w.start + j.At, node: int32(j.Node - 1), kind: join})
	}
	w.sources = make([]source, c.Nodes)
	for i, rate := range c.rates() {
		if rate > 0 {
			w.sources[i] = newSource(c, i, rate, w.start+from[i])
			w.events.push(event{at: w.sources[i].next, node: int32(i), kind: arrive})
		}
	}
	for _, k := range c.Kills {
		w.events.push(event{at: w.start + k.At, node: int32(k.Node - 1), kind: die})
	}
	w.meter = newMeter(w)
	w.policy = newPolicy(w)
	w.lastEnd = w.start
	return w
}

// everySoOften is how many events pass between two looks from outside.
const everySoOften = 1 << 12

// run lets the world go on until every task has ended.
func (w *world) run() (Result, error) {
	for n := 1; w.places[done]+w.places[lost] < w.cfg.Tasks; n++ {
		e := w.events.pop()
		w.meter.pass(e.at - w.now)
		w.now = e.at
		switch e.kind {
		case arrive:
			w.arrive(e.node)
		case die:
			w.die(e.node)
		case join:
			w.join(e.node)
		case submit:
			if t := w.tasks.at(e.ref); t.try == uint32(e.node) {
				w.policy.submit(w.living(t))
			}
		default:
			w.policy.happen(e)
		}
		if n%everySoOften == 0 {
			if w.sampled != nil {
				w.sampled(w)
			}
			if w.cfg.Progress != nil {
				if err := w.cfg.Progress(w.places[done] + w.places[lost]); err != nil {
					return Result{}, err
				}
			}
			if w.now > w.lastEnd+w.giveUp() {
				break // nothing moves any more: what is left is lost
			}
		}
	}
	return w.meter.result(w), nil
}

// giveUp is how long nothing may end before the run is over.
func (w *world) giveUp() time.Duration { return time.Hour + 10*w.cfg.length() }

// arrive takes in what the clients of a node send now. Clients of a dead node
// have gone to others.
func (w *world) arrive(node int32) {
	s := &w.sources[node]
	for range s.size() {
		if w.submitted == w.cfg.Tasks {
			return
		}
		t, id := w.tasks.take()
		*t = task{id: id, origin: node, at: node, try: t.try + 1, service: s.service.draw(s.random), began: w.now}
		t.counts = w.meter.counts(w.submitted)
		w.submitted++
		w.places[waiting]++
		if w.submitted == w.cfg.Tasks {
			w.meter.close()
		}
		w.policy.submit(w.living(t))
	}
	s.advance()
	w.events.push(event{at: s.next, node: node, kind: arrive})
}

// living gives a task that starts anew another origin if its own is dead: any
// other node is the next on its client's list.
func (w *world) living(t *task) *task {
	for w.absent[t.origin] {
		t.origin = int32(w.random.IntN(w.cfg.Nodes))
	}
	t.at, t.away = t.origin, false
	return t
}

// again has the client send a task that no node has any more, after some time.
func (w *world) again(t *task, after time.Duration) {
	w.void(t)
	w.events.push(event{at: w.now + after, node: int32(t.try), ref: t.id, kind: submit})
}

// void ends a try of a task whose fate is to be another one.
func (w *world) void(t *task) {
	t.try++
	t.delayed = true
	w.move(t, waiting)
}

// begin puts a task on a worker of a node, and returns when it is done.
func (w *world) begin(t *task, node int32) time.Duration {
	t.at, t.ran = node, w.runs(t, node)
	w.move(t, running)
	return w.now + t.ran
}

// end takes the answer that a task's client gets.
func (w *world) end(t *task) {
	w.move(t, done)
	w.meter.end(t, w.now-t.began-t.ran)
	w.finish(t)
}

// lose takes the error that a task's client gets.
func (w *world) lose(t *task) {
	w.move(t, lost)
	w.finish(t)
}

func (w *world) finish(t *task) {
	w.lastEnd = w.now
	t.try++
	w.tasks.release(t.id)
}

// runs returns how long a task runs at a node.
func (w *world) runs(t *task, node int32) time.Duration {
	if w.slow[node] == 1 {
		return t.service
	}
	return time.Duration(w.slow[node] * float64(t.service))
}

// regionName is what a node was told of where it is, as by MESH_REGION.
func (w *world) regionName(node int32) string {
	if w.cfg.Regions <= 1 || w.cfg.Untold {
		return ""
	}
	return strconv.Itoa(w.region[node] + 1)
}

// delay returns how long a message takes from one node to another.
func (w *world) delay(a, b int32) time.Duration {
	switch {
	case a == b:
		return 0
	case w.region[a] != w.region[b]:
		return w.cfg.Far
	}
	return w.cfg.Delay
}

// drops reports whether a message between two nodes is lost.
func (w *world) drops() bool { return w.cfg.Loss > 0 && w.random.Float64() < w.cfg.Loss }

// all calls f for every task that has not ended.
func (w *world) all(f func(*task)) {
	free := make([]bool, len(w.tasks.all))
	for _, id := range w.tasks.free {
		free[id] = true
	}
	for i, t := range w.tasks.all {
		if !free[i] {
			f(t)
		}
	}
}
