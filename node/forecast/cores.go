package forecast

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// cores is the code that serves: a dispatch core for each node, and around it
// what a node's shell does, with events in the place of NATS.
type cores struct {
	w       *world
	apart   bool // they do not hear of each other
	nodes   []coreNode
	byName  map[string]int32
	inOrder []int32 // the nodes, by name
	runs    pool[coreRun]
	parcels pool[parcel]
	reports pool[report]

	audiences map[int][2][]int32 // by region; see audience
}

// coreNode is one node.
type coreNode struct {
	index       int32
	name        string
	incarnation mesh.Incarnation
	core        *dispatch.Core
	born        time.Duration
	fx          []dispatch.Effect // scratch
	wake        time.Duration     // of the next Tick that is scheduled, in the world's time
	near, far   []int32           // that follow its news, in its region and in others
}

// coreRun is a task on a worker.
type coreRun struct {
	attempt mesh.Attempt
}

// unlimited stands for the limits that are lifted: years.
const unlimited = time.Duration(math.MaxInt64 / 8)

// newCores makes the nodes that are there from the beginning.
func newCores(w *world, together bool) *cores {
	c := &cores{w: w, apart: !together, nodes: make([]coreNode, w.cfg.Nodes), byName: make(map[string]int32, w.cfg.Nodes)}
	for i := range c.nodes {
		n := &c.nodes[i]
		n.index, n.name, n.incarnation = int32(i), w.names[i], mesh.Incarnation(i+1)
		c.byName[n.name] = n.index
		c.inOrder = append(c.inOrder, n.index)
		if !w.absent[i] {
			c.start(n, w.firstTick())
		}
	}
	slices.SortFunc(c.inOrder, func(a, b int32) int { return strings.Compare(w.names[a], w.names[b]) })
	return c
}

// start makes the core of a node, with its workers, that announces itself from
// the given time on.
func (c *cores) start(n *coreNode, at time.Duration) {
	n.core, n.born = dispatch.New(coreConfig(c.w, n)), c.w.now
	for worker := range c.w.cfg.Workers {
		id := dispatch.WorkerID{Inbox: "w" + strconv.Itoa(worker), Client: uint64(worker + 1)}
		n.fx = n.core.Ready(0, dispatch.Ready{ID: id}, n.fx[:0])
	}
	n.wake = at
	c.w.events.push(event{at: at, node: n.index, kind: tick})
}

// join starts a node. The others learn of it as it announces itself.
func (c *cores) join(node int32) {
	c.audiences = nil
	c.start(&c.nodes[node], c.w.now)
}

// now is the time of a node's own clock.
func (c *cores) now(n *coreNode) time.Duration { return c.w.now - n.born }

// coreConfig is the configuration of a node as it comes, but for the limits.
func coreConfig(w *world, n *coreNode) dispatch.Config {
	c, cfg := w.cfg, dispatch.DefaultConfig()
	cfg.Name, cfg.Incarnation, cfg.Region = n.name, n.incarnation, w.regionName(n.index)
	r := rand.New(rand.NewPCG(c.Seed, 2*uint64(n.index)+2))
	for i := 0; i < len(cfg.Seed); i += 8 {
		binary.LittleEndian.PutUint64(cfg.Seed[i:], r.Uint64())
	}
	cfg.QueueLimit, cfg.QueueTimeout, cfg.MaxAttempts = math.MaxInt, unlimited, math.MaxInt
	cfg.AnnounceInterval, cfg.Decisions = c.Interval, 0
	cfg.Heartbeat = max(cfg.Heartbeat, c.Interval)
	cfg.PeerExpiry = max(cfg.PeerExpiry, 3*cfg.Heartbeat)
	return cfg
}

// apply carries out effects and sees to it that the node is woken when it wants.
func (c *cores) apply(n *coreNode, fx []dispatch.Effect) {
	for i := range fx {
		c.carry(n, &fx[i])
	}
	clear(fx)
	n.fx = fx[:0]
	if at := max(n.born+n.core.Wake(), c.w.now); at < n.wake {
		n.wake = at
		c.w.events.push(event{at: at, node: n.index, kind: tick})
	}
}

func (c *cores) submit(t *task) {
	n := &c.nodes[t.origin]
	c.apply(n, n.core.Request(c.now(n), dispatch.Request{Message: t}, n.fx))
}

func (c *cores) happen(e event) {
	n := &c.nodes[e.node]
	switch e.kind {
	case tick:
		c.tick(n, e.at)
	case finish:
		r := c.runs.at(e.ref)
		if c.w.absent[e.node] {
			return
		}
		c.apply(n, n.core.Done(c.now(n), r.attempt, nil, n.fx))
		c.runs.release(e.ref)
	case hear:
		c.hear(n, e.ref)
	case arrived:
		c.arrived(n, e.ref)
	case bounced:
		c.bounced(n, e.ref)
	case follow:
		c.follow(n, e.ref)
	case unfollow:
		c.unfollow(n, e.ref)
	}
}

func (c *cores) tick(n *coreNode, at time.Duration) {
	w := c.w
	if w.absent[n.index] || at != n.wake {
		return // it is woken earlier, and has been
	}
	n.wake = unlimited
	fx := n.fx
	if now := c.now(n); n.core.Wake() <= now {
		fx = n.core.Tick(now, fx)
	}
	c.apply(n, fx)
}

// die ends a node. Its peers find out by themselves. Its clients ask others.
func (c *cores) die(node int32) {
	w := c.w
	c.audiences = nil
	for i := range c.nodes {
		if list := c.followers(&c.nodes[i], node); contains(*list, node) {
			c.unfollow(&c.nodes[i], node)
		}
	}
	w.all(func(t *task) {
		switch node {
		case t.origin:
			w.again(t, w.cfg.Delay)
		case t.at:
			t.delayed = true
			w.move(t, moving) // until its origin finds out
		}
	})
}
