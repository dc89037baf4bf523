package forecast

// global is every worker behind one queue, without distance: an idle worker and
// a waiting task never exist together anywhere. It knows deaths at once.
type global struct {
	w     *world
	queue fifo
	idle  []int // workers of each node
	next  int   // a node that may have one
	runs  pool[run]
}

// run is a task on a worker, in the policies that are models.
type run struct {
	task *task
	try  uint32
	node int32
}

func newGlobal(w *world) *global {
	g := &global{w: w, idle: make([]int, w.cfg.Nodes)}
	for i := range g.idle {
		if !w.absent[i] {
			g.idle[i] = w.cfg.Workers
		}
	}
	return g
}

func (g *global) submit(t *task) {
	// The slow nodes are the last ones, so the first idle one is a fast one.
	for ; g.next < len(g.idle); g.next++ {
		if g.idle[g.next] > 0 {
			g.idle[g.next]--
			g.begin(t, int32(g.next))
			return
		}
	}
	g.queue.push(t)
}

func (g *global) begin(t *task, node int32) {
	r, id := g.runs.take()
	*r = run{task: t, try: t.try, node: node}
	g.w.events.push(event{at: g.w.begin(t, node), node: node, ref: id, kind: finish})
}

func (g *global) happen(e event) {
	r := g.runs.at(e.ref)
	t, dead := r.task, g.w.absent[r.node]
	if !dead && t.try == r.try {
		g.w.end(t)
	}
	g.runs.release(e.ref)
	switch {
	case dead:
	case g.queue.any():
		g.begin(g.queue.pop(), e.node)
	default:
		g.idle[e.node]++
		g.next = min(g.next, int(e.node))
	}
}

func (g *global) join(node int32) {
	g.idle[node] = g.w.cfg.Workers
	for ; g.idle[node] > 0 && g.queue.any(); g.idle[node]-- {
		g.begin(g.queue.pop(), node)
	}
	g.next = min(g.next, int(node))
}

func (g *global) die(node int32) {
	g.idle[node] = 0
	g.w.all(func(t *task) {
		if t.place == running && t.at == node {
			g.w.again(t, 0)
		}
	})
}
