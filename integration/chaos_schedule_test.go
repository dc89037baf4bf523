package integration

import (
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"
)

// Kinds of faults.
const (
	chaosKillWorker = "worker SIGKILL"
	chaosStopWorker = "worker SIGSTOP"
	chaosKillNode   = "node SIGKILL"
	chaosTerm       = "node SIGTERM"
	chaosPartition  = "partition"
	chaosKillServer = "server SIGKILL"
)

// chaosEvent is what a node's process has come to: it is ready, or has ended.
type chaosEvent struct {
	node    *chaosNode
	process *process
	ready   bool
}

// chaosDue is something to do later: mostly, to heal.
type chaosDue struct {
	at time.Time
	do func()
}

// serverPause is how long a server of the external plane was back before the next
// dies: nodes and the other server have to find it.
const serverPause = 4 * time.Second

// storm does faults until the time is over, then heals all of them. What it
// draws at a step depends on the seed alone; what is not allowed then, since it
// would leave the mesh unable to work, is left out.
func (c *chaos) storm(random *rand.Rand, length time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); {
		gap := 20*time.Millisecond + time.Duration(random.Int64N(int64(300*time.Millisecond)))
		kind, target, hold := random.IntN(100), random.IntN(1<<16), random.Float64()
		c.rest(min(gap, time.Until(end)))
		worker, node := c.workers[target%len(c.workers)], c.nodes[target%len(c.nodes)]
		switch {
		case kind < 28:
			c.killWorker(worker, between(hold, 0, time.Second))
		case kind < 50:
			c.stopWorker(worker, between(hold, 50*time.Millisecond, 3*time.Second))
		case kind < 68:
			c.killNode(node, between(hold, 0, 1500*time.Millisecond))
		case kind < 77:
			c.terminate(node)
		case kind < 82: // all of them, one after the other
			c.rolling = append(c.rolling[:0], c.nodes...)
			c.roll()
		case kind < 91:
			c.partition(node, c.nodes[(target+1+target/3%2)%3], between(hold, 100*time.Millisecond, 5*time.Second))
		case external():
			c.killServer(c.servers[target%2], between(hold, 0, 2*time.Second))
		}
	}
	c.rolling = nil
	for _, w := range c.workers {
		c.heal(w)
	}
	for len(c.due) > 0 || slices.ContainsFunc(c.nodes, func(n *chaosNode) bool { return n.state != chaosUp }) {
		c.rest(10 * time.Millisecond)
	}
}

func between(part float64, from, to time.Duration) time.Duration {
	return from + time.Duration(part*float64(to-from))
}

// rest does what is due, and takes what happens, for some time.
func (c *chaos) rest(d time.Duration) {
	c.t.Helper()
	for over := time.Now().Add(d); ; {
		next := over
		for i := 0; i < len(c.due); i++ {
			if due := c.due[i]; !due.at.After(time.Now()) {
				c.due = slices.Delete(c.due, i, i+1)
				due.do()
				i = -1 // it may have changed the list
			} else if due.at.Before(next) {
				next = due.at
			}
		}
		select {
		case e := <-c.events:
			c.take(e)
		case <-time.After(time.Until(next)):
			if !next.Before(over) {
				return
			}
		}
	}
}

func (c *chaos) later(d time.Duration, do func()) {
	c.due = append(c.due, chaosDue{time.Now().Add(d), do})
}

// works reports whether the mesh can work without what is given: there is a node,
// and a worker of it.
func (c *chaos) works(without *chaosNode, or *chaosWorker) bool {
	return slices.ContainsFunc(c.workers, func(w *chaosWorker) bool {
		n := c.nodes[w.node]
		return w != or && n != without && w.state == chaosUp && n.state == chaosUp
	})
}

func (c *chaos) begin(kind, worker string, node int) *chaosFault {
	f := &chaosFault{kind: kind, worker: worker, node: node, other: -1, from: time.Now()}
	f.to = f.from.Add(24 * time.Hour) // until it is over
	c.faults = append(c.faults, f)
	return f
}

func (c *chaos) killWorker(w *chaosWorker, down time.Duration) {
	c.t.Helper()
	if w.state == chaosDown || !c.works(nil, w) {
		return
	}
	if w.fault != nil {
		w.fault.to = time.Now() // it was stopped
		w.fault = nil
	}
	f := c.begin(chaosKillWorker, w.name, -1)
	w.process.signal(os.Kill)
	w.process.awaitDeath(syscall.SIGKILL)
	f.to, w.state = time.Now(), chaosDown
	c.later(down, func() { c.startWorker(w) })
}

func (c *chaos) stopWorker(w *chaosWorker, length time.Duration) {
	c.t.Helper()
	if w.state != chaosUp || !c.works(nil, w) {
		return
	}
	f := c.begin(chaosStopWorker, w.name, -1)
	w.process.signal(syscall.SIGSTOP)
	w.state, w.fault = chaosStopped, f
	c.later(length, func() {
		if w.fault == f {
			c.heal(w)
		}
	})
}

// heal has a worker that was stopped go on.
func (c *chaos) heal(w *chaosWorker) {
	c.t.Helper()
	if w.state == chaosStopped {
		w.process.signal(syscall.SIGCONT)
		w.fault.to, w.fault, w.state = time.Now(), nil, chaosUp
	}
}

func (c *chaos) killNode(n *chaosNode, down time.Duration) {
	c.t.Helper()
	if n.state != chaosUp && n.state != chaosDraining || !c.works(n, nil) {
		return
	}
	if n.fault != nil {
		n.fault.to = time.Now() // it was draining
	}
	n.fault, n.died = c.begin(chaosKillNode, "", n.number), time.Now()
	if n.state == chaosDraining {
		_ = n.process.cmd.Process.Kill() // fails if it has just ended by itself
		n.process.awaitEnd()
	} else {
		n.process.signal(os.Kill)
		n.process.awaitDeath(syscall.SIGKILL)
	}
	n.state = chaosDown
	c.later(down, func() { c.startNode(n) })
}

// terminate tells a node to end; when it has, it is started again.
func (c *chaos) terminate(n *chaosNode) {
	c.t.Helper()
	if n.state == chaosUp && c.works(n, nil) {
		n.fault, n.died, n.state = c.begin(chaosTerm, "", n.number), time.Now(), chaosDraining
		n.process.signal(syscall.SIGTERM)
	}
}

// roll tells the next node of a rolling restart to end, if all are up.
func (c *chaos) roll() {
	c.t.Helper()
	if len(c.rolling) > 0 && !slices.ContainsFunc(c.nodes, func(n *chaosNode) bool { return n.state != chaosUp }) {
		n := c.rolling[0]
		c.rolling = c.rolling[1:]
		c.terminate(n)
	}
}

func (c *chaos) killServer(s *chaosServer, down time.Duration) {
	c.t.Helper()
	for _, other := range c.servers {
		if other.state != chaosUp || time.Since(other.healed) < serverPause {
			return
		}
	}
	f := c.begin(chaosKillServer, "", -1)
	s.server.signal(os.Kill)
	s.server.awaitDeath(syscall.SIGKILL)
	s.state = chaosDown
	c.later(down, func() {
		c.startServer(s)
		f.to = time.Now()
	})
}

// afterPartition is how long a partition may yet explain something: connections
// that have suffered break later, with what is on them.
const afterPartition = 5 * time.Second

// partition cuts the wires between two nodes; on an existing NATS those of the
// first to its servers.
func (c *chaos) partition(a, b *chaosNode, length time.Duration) {
	c.t.Helper()
	f := &chaosFault{kind: chaosPartition, node: a.number, other: b.number}
	from, to := a.name, b.name
	if external() {
		f.other, to = -1, thePlane
	}
	if c.wires.isCut(from, to) {
		return
	}
	f.from = time.Now()
	f.to = f.from.Add(24 * time.Hour)
	c.faults = append(c.faults, f)
	c.wires.set(from, to, true)
	c.later(length, func() {
		c.wires.set(from, to, false)
		f.to = time.Now().Add(afterPartition)
	})
}

// take takes an event of a node's process.
func (c *chaos) take(e chaosEvent) {
	c.t.Helper()
	n := e.node
	switch {
	case e.process != n.process || n.state == chaosDown: // of one that we killed
	case e.ready && n.state == chaosStarting:
		n.state = chaosUp
		if n.fault != nil {
			n.fault.to, n.fault = time.Now(), nil
			c.readyIn = append(c.readyIn, time.Since(n.started))
			c.backAfter = append(c.backAfter, time.Since(n.died))
		}
		c.roll()
	case !e.ready && n.state == chaosDraining:
		n.process.awaitStatus(0)
		c.drains = append(c.drains, time.Since(n.died))
		c.startNode(n)
	case !e.ready:
		c.t.Fatalf("%s ended by itself: %v", n.name, n.process.cmd.ProcessState)
	}
}
