package forecast

import "time"

// queueGroup is a NATS queue group of all workers of all nodes: a task goes to
// one of them at random, busy or not, and waits there. What a dead worker had is
// asked for again by its client.
type queueGroup struct {
	w       *world
	workers []groupWorker // those of a node one after the other
	living  []int32       // nodes
	runs    pool[run]     // tasks on their way to a worker, or on it, or back
}

type groupWorker struct {
	queue fifo
	busy  bool
}

// patience is how long the clients of those policies wait that do not know of
// deaths, before they ask again: that of the guide's clients.
const patience = 10 * time.Second

func newQueueGroup(w *world) *queueGroup {
	q := &queueGroup{w: w, workers: make([]groupWorker, w.cfg.Nodes*w.cfg.Workers)}
	for i := range w.cfg.Nodes {
		if !w.absent[i] {
			q.living = append(q.living, int32(i))
		}
	}
	return q
}

func (q *queueGroup) submit(t *task) {
	w := q.w
	node := q.living[w.random.IntN(len(q.living))]
	worker := int(node)*w.cfg.Workers + w.random.IntN(w.cfg.Workers)
	if t.away = node != t.origin; !t.away {
		q.queue(t, worker)
		return
	}
	w.move(t, moving)
	t.at = node
	if w.drops() {
		w.again(t, patience)
		return
	}
	w.events.push(event{at: w.now + w.delay(t.origin, node), node: int32(worker), ref: q.hold(t, node), kind: arrived})
}

func (q *queueGroup) hold(t *task, node int32) int32 {
	r, id := q.runs.take()
	*r = run{task: t, try: t.try, node: node}
	return id
}

func (q *queueGroup) happen(e event) {
	w, r := q.w, q.runs.at(e.ref)
	t, node, valid := r.task, r.node, r.task.try == r.try
	q.runs.release(e.ref)
	switch e.kind {
	case arrived:
		if valid {
			q.queue(t, int(e.node))
		}
	case bounced: // the answer is back
		if valid {
			w.end(t)
		}
	case finish:
		if w.absent[node] {
			return
		}
		if valid {
			q.answer(t, node)
		}
		worker := &q.workers[e.node]
		worker.busy = false
		if worker.queue.any() {
			q.begin(worker.queue.pop(), int(e.node))
		}
	}
}

func (q *queueGroup) queue(t *task, worker int) {
	q.w.move(t, waiting)
	if q.workers[worker].busy {
		q.workers[worker].queue.push(t)
		return
	}
	q.begin(t, worker)
}

func (q *queueGroup) begin(t *task, worker int) {
	w, node := q.w, int32(worker/q.w.cfg.Workers)
	q.workers[worker].busy = true
	w.events.push(event{at: w.begin(t, node), node: int32(worker), ref: q.hold(t, node), kind: finish})
}

func (q *queueGroup) answer(t *task, node int32) {
	w := q.w
	if !t.away {
		w.end(t)
		return
	}
	w.move(t, moving)
	if w.drops() {
		w.again(t, patience)
		return
	}
	w.events.push(event{at: w.now + w.delay(node, t.origin), node: node, ref: q.hold(t, node), kind: bounced})
}

func (q *queueGroup) join(node int32) { q.living = append(q.living, node) }

func (q *queueGroup) die(node int32) {
	q.living = without(q.living, node)
	for i := range q.w.cfg.Workers {
		q.workers[int(node)*q.w.cfg.Workers+i] = groupWorker{}
	}
	q.w.orphan(node, patience)
}
