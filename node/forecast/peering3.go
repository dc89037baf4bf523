package forecast

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// peering3 is the routing of the ZeroMQ guide's broker, as it is written there:
// what any peer says last of its idle workers is the capacity of the whole
// cloud, and is not lowered by what is sent there; a task that finds no idle
// worker at home goes to a peer at random while that capacity is above 0; a
// guest that finds none waits, behind the node's own tasks. It is announced as
// often as the code that serves does. What a dead peer had is asked for again by
// its client.
type peering3 struct {
	w       *world
	nodes   []peering3Node
	runs    pool[run]
	reports pool[int] // idle workers, as announced
}

type peering3Node struct {
	idle      int
	cloud     int
	own       fifo
	guests    fifo
	announcer mesh.Announcer
	wake      time.Duration
	peers     []int32
}

func newPeering3(w *world) *peering3 {
	p := &peering3{w: w, nodes: make([]peering3Node, w.cfg.Nodes)}
	for i := range p.nodes {
		if !w.absent[i] {
			p.start(int32(i), w.firstTick())
		}
	}
	return p
}

// start has a node announce itself from the given time on.
func (p *peering3) start(node int32, at time.Duration) {
	w, n := p.w, &p.nodes[node]
	n.idle, n.peers, n.wake = w.cfg.Workers, w.neighbours(node), at
	n.announcer = mesh.Announcer{Interval: w.cfg.interval(), Heartbeat: max(dispatch.DefaultConfig().Heartbeat, w.cfg.interval())}
	w.events.push(event{at: at, node: node, kind: tick})
}

// join starts a node. Those that should have it as a peer, have it at once, as
// if their configuration had said so all the time.
func (p *peering3) join(node int32) {
	p.start(node, p.w.now)
	for _, peer := range p.nodes[node].peers {
		p.nodes[peer].peers = append(p.nodes[peer].peers, node)
	}
}

func (p *peering3) submit(t *task) {
	p.nodes[t.origin].own.push(t)
	p.route(t.origin)
}

// route is the loop of the guide's broker.
func (p *peering3) route(node int32) {
	n := &p.nodes[node]
	idle := n.idle
	for n.idle > 0 || n.cloud > 0 && n.own.any() && len(n.peers) > 0 {
		switch {
		case n.own.any() && n.idle > 0:
			p.begin(n.own.pop(), node)
		case n.own.any() && n.cloud > 0 && len(n.peers) > 0:
			p.send(n.own.pop(), node, n.peers[p.w.random.IntN(len(n.peers))])
		case n.guests.any() && n.idle > 0:
			p.begin(n.guests.pop(), node)
		default:
			p.changed(node, idle)
			return
		}
	}
	p.changed(node, idle)
}

// changed sees to it that a new capacity is announced.
func (p *peering3) changed(node int32, was int) {
	n := &p.nodes[node]
	if n.idle == was {
		return
	}
	n.announcer.Changed(p.w.now)
	if at := n.announcer.Next(); at < n.wake {
		n.wake = at
		p.w.events.push(event{at: at, node: node, kind: tick})
	}
}

func (p *peering3) begin(t *task, node int32) {
	p.nodes[node].idle--
	p.w.events.push(event{at: p.w.begin(t, node), node: node, ref: p.hold(t, node), kind: finish})
}

func (p *peering3) hold(t *task, node int32) int32 {
	r, id := p.runs.take()
	*r = run{task: t, try: t.try, node: node}
	return id
}

func (p *peering3) send(t *task, from, to int32) {
	w := p.w
	t.at, t.away = to, true
	w.move(t, moving)
	if w.drops() || w.absent[to] {
		w.again(t, patience)
		return
	}
	w.events.push(event{at: w.now + w.delay(from, to), node: to, ref: p.hold(t, to), kind: arrived})
}

func (p *peering3) happen(e event) {
	w := p.w
	switch e.kind {
	case tick:
		p.tick(e)
		return
	case hear:
		idle := *p.reports.at(e.ref)
		p.reports.release(e.ref)
		for _, peer := range p.nodes[e.node].peers {
			if !w.absent[peer] && !w.drops() {
				p.nodes[peer].cloud = idle
				p.route(peer)
			}
		}
		return
	}
	r := p.runs.at(e.ref)
	t, node, valid := r.task, r.node, r.task.try == r.try
	p.runs.release(e.ref)
	switch e.kind {
	case arrived:
		if valid && !w.absent[node] {
			w.move(t, waiting)
			p.nodes[node].guests.push(t)
			p.route(node)
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
			p.answer(t, node)
		}
		p.nodes[node].idle++
		p.route(node)
		p.changed(node, -1)
	}
}

func (p *peering3) answer(t *task, node int32) {
	w := p.w
	switch {
	case !t.away:
		w.end(t)
	case w.drops():
		w.again(t, patience)
	default:
		w.move(t, moving)
		w.events.push(event{at: w.now + w.delay(node, t.origin), node: node, ref: p.hold(t, node), kind: bounced})
	}
}

func (p *peering3) tick(e event) {
	w, n := p.w, &p.nodes[e.node]
	if w.absent[e.node] || e.at != n.wake {
		return
	}
	if n.announcer.Next() <= w.now {
		n.announcer.Announced(w.now, true)
		report, id := p.reports.take()
		*report = n.idle
		w.meter.sentState(len(n.peers))
		w.events.push(event{at: w.now + w.cfg.Delay, node: e.node, ref: id, kind: hear})
	}
	n.wake = n.announcer.Next()
	w.events.push(event{at: n.wake, node: e.node, kind: tick})
}

func (p *peering3) die(node int32) {
	p.nodes[node].own, p.nodes[node].guests = fifo{}, fifo{}
	p.w.orphan(node, patience)
}
