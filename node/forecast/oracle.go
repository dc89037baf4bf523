package forecast

import (
	"cmp"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// oracle knows all nodes exactly and at once: their workers and queues, what is
// on the way to each, and how much their clients send. It does not know what will
// come, nor when a task will end. One that finds no idle worker is placed when it
// comes, and for good: with the node where it is expected to wait least, the way
// there and back included, and of equal ones that where most workers should be
// idle. What may stay at home is what mesh.Home.Keep says, as with the code that
// serves, whose nodes and ways these are, too: an idle worker takes the oldest
// waiting task, whose age includes the way there and back, and none is kept for a
// task on its way. So it shows what perfect news would be worth. It is no bound: it
// looks at one task at a time, and never thinks again.
type oracle struct {
	w     *world
	nodes []oracleNode
	rates []float64 // tasks a second of each node's clients
	runs  pool[run]
}

type oracleNode struct {
	idle  int
	home  mesh.Home
	onWay int    // tasks to it
	queue []aged // oldest first
}

// aged is a waiting task, with the time by which it is served.
type aged struct {
	queued
	since time.Duration
}

func newOracle(w *world) *oracle {
	o := &oracle{w: w, nodes: make([]oracleNode, w.cfg.Nodes), rates: w.cfg.rates()}
	for i := range o.nodes {
		if !w.absent[i] {
			o.join(int32(i))
		}
	}
	return o
}

// submit places a task.
func (o *oracle) submit(t *task) {
	w, home := o.w, &o.nodes[t.origin]
	to, least, most := t.origin, time.Duration(0), 0.0
	if home.idle == 0 {
		here, _ := home.forecast(w.now, 0)
		near, far := home.home.Keep(2*w.cfg.Delay), home.home.Keep(2*w.cfg.Far)
		for i := range o.nodes {
			n, way, keep := &o.nodes[i], w.cfg.Delay, near
			if w.region[i] != w.region[t.origin] {
				way, keep = w.cfg.Far, far
			}
			if n == home || w.absent[i] || len(home.queue) < keep || to != t.origin && 2*way > least {
				continue
			}
			wait, spare := n.forecast(w.now-way, way)
			wait += 2 * way
			if (spare >= 1 || wait < here) && (to == t.origin || wait < least || wait == least && spare > most) {
				to, least, most = int32(i), wait, spare
			}
		}
	}
	if to == t.origin {
		o.arrive(t, to, w.now)
		return
	}
	t.at, t.away = to, true
	w.move(t, moving)
	if w.drops() {
		w.again(t, w.delay(t.origin, to))
		return
	}
	o.nodes[to].onWay++
	w.events.push(event{at: w.now + w.delay(t.origin, to), node: to, ref: o.hold(t, to), kind: arrived})
}

// forecast is how long a task should wait at a node that it reaches after the
// way, if it is served as one that came at the given time, and how many workers
// should be idle then, itself counted among those who want one. The tasks of the
// node's own clients that come meanwhile are younger: they take idle workers, and
// do not stand before it.
func (n *oracleNode) forecast(since, way time.Duration) (wait time.Duration, spare float64) {
	older := 0
	if len(n.queue) > 0 {
		older = n.place(since)
	}
	before := n.onWay + older - n.idle // so many workers have to become idle before one does for it
	busy := min(n.home.Workers, n.home.Workers-n.idle+n.onWay)
	free := float64(busy)*float64(way)/float64(n.home.ServiceTime) - float64(before)
	if spare = free - n.home.Arrivals/float64(time.Second)*float64(way); spare >= 1 {
		return 0, spare
	}
	return time.Duration(float64(n.home.Pace()) * (1 + max(0, -free))), spare
}

// place is where in the queue a task stands that came at the given time.
func (n *oracleNode) place(since time.Duration) int {
	at, _ := slices.BinarySearchFunc(n.queue, since+1, func(a aged, since time.Duration) int { return cmp.Compare(a.since, since) })
	return at
}

func (o *oracle) hold(t *task, node int32) int32 {
	r, id := o.runs.take()
	*r = run{task: t, try: t.try, node: node}
	return id
}

// arrive puts a task at a node into its queue, by age.
func (o *oracle) arrive(t *task, node int32, since time.Duration) {
	o.w.move(t, waiting)
	n := &o.nodes[node]
	n.queue = slices.Insert(n.queue, n.place(since), aged{queued{t, t.try}, since})
	o.serve(node)
}

// serve gives waiting tasks to idle workers.
func (o *oracle) serve(node int32) {
	n := &o.nodes[node]
	for n.idle > 0 && len(n.queue) > 0 {
		next := n.queue[0]
		n.queue = n.queue[1:]
		if next.task.try == next.try {
			n.idle--
			o.w.events.push(event{at: o.w.begin(next.task, node), node: node, ref: o.hold(next.task, node), kind: finish})
		}
	}
}

func (o *oracle) happen(e event) {
	w, r := o.w, o.runs.at(e.ref)
	t, node, valid := r.task, r.node, r.task.try == r.try
	o.runs.release(e.ref)
	switch {
	case e.kind == bounced: // the answer is back
		if valid {
			w.end(t)
		}
	case w.absent[node]:
	case e.kind == arrived:
		if o.nodes[node].onWay--; valid {
			o.arrive(t, node, w.now-2*w.delay(t.origin, node))
		}
	case e.kind == finish:
		if valid {
			o.answer(t, node)
		}
		o.nodes[node].idle++
		o.serve(node)
	}
}

func (o *oracle) answer(t *task, node int32) {
	w, way := o.w, o.w.delay(node, t.origin)
	switch {
	case !t.away:
		w.end(t)
	case w.drops():
		w.again(t, way)
	default:
		w.move(t, moving)
		w.events.push(event{at: w.now + way, node: node, ref: o.hold(t, node), kind: bounced})
	}
}

// die has what the node had asked for again at once.
func (o *oracle) die(node int32) {
	o.nodes[node] = oracleNode{}
	o.w.orphan(node, 0)
}

func (o *oracle) join(node int32) {
	w := o.w
	o.nodes[node] = oracleNode{idle: w.cfg.Workers, home: mesh.Home{
		Workers: w.cfg.Workers, ServiceTime: time.Duration(w.slow[node] * float64(w.cfg.Service.mean())), Arrivals: o.rates[node],
	}}
	o.serve(node)
}
