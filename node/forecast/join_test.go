package forecast

import (
	"testing"
	"time"
)

// watched is a policy that is looked at after each of its events.
type watched struct {
	policy
	look func()
}

func (p watched) happen(e event) {
	p.policy.happen(e)
	p.look()
}

// firstGuests notes how long after it joined a node has its first task of a peer.
func firstGuests(w *world, c *cores) map[int]time.Duration {
	first := make(map[int]time.Duration)
	w.policy = watched{w.policy, func() {
		for _, j := range w.cfg.Joins {
			n := &c.nodes[j.Node-1]
			if _, worked := first[j.Node]; n.core != nil && !worked && n.core.Stats().Guests > 0 {
				first[j.Node] = w.now - w.start - j.At
			}
		}
	}}
	return first
}

// relieved is a mesh of twelve whose first nine nodes have all the clients and
// more than they can do; the others, cold, come one after the other.
func relieved(policy string) Config {
	c := DefaultConfig()
	c.Policy, c.Nodes, c.Workers, c.Load, c.Hot, c.HotFraction, c.Tasks = policy, 12, 20, 0.9, 1.2, 0.75, 60_000
	c.Joins = []Change{{10, ms(200)}, {11, ms(500)}, {12, ms(800)}}
	return c
}

// A newcomer tells of itself at once, and whoever has tasks waiting sends it
// some: it works two ways after it came, or at most half a way later for those
// whose news could not go out earlier.
func TestNewcomersGetWork(t *testing.T) {
	c := relieved(Default)
	w := newWorld(c)
	cores := w.policy.(*cores)
	first := firstGuests(w, cores)
	if r, err := w.run(); err != nil || r.Lost > 0 {
		t.Fatalf("%v, lost %d", err, r.Lost)
	}
	for _, j := range c.Joins {
		if after, worked := first[j.Node]; !worked || after > 5*c.Delay/2 {
			t.Errorf("node %d gets its first task after %v (%t)", j.Node, after, worked)
		}
	}
	for i := range cores.nodes {
		if n := len(cores.nodes[i].core.Peers()); n != c.Nodes-1 {
			t.Errorf("DC%d knows %d others", i+1, n)
		}
	}
}

// Whatever the policy, capacity grows with the nodes that join: nine nodes are
// swamped, twelve are not.
func TestCapacityJoins(t *testing.T) {
	for _, policy := range Policies() {
		if policy == None { // whose newcomers have no tasks
			continue
		}
		c := relieved(policy)
		without := c
		without.Nodes, without.Load, without.Hot, without.Joins = 9, 1.2, 0, nil
		joined, alone := mustRun(t, c), mustRun(t, without)
		late := func(r Result) time.Duration { return r.Over[sliceCount-1].Wait.Quantile(0.5) }
		if a, b := late(joined), late(alone); 2*a > b {
			t.Errorf("%s: in the end half of the tasks wait for %v, and without the newcomers %v", policy, a, b)
		}
		if joined.Utilisation < 0.9 || joined.Utilisation > 1 {
			t.Errorf("%s: the workers are %.2f busy", policy, joined.Utilisation)
		}
	}
}

// The clients of a node come with it.
func TestClientsJoin(t *testing.T) {
	for _, policy := range Policies() {
		c := DefaultConfig()
		c.Policy, c.Nodes, c.Workers, c.Load, c.Tasks = policy, 2, 20, 0.5, 30_000
		c.Joins = []Change{{2, 10 * time.Second}}
		w := newWorld(c)
		came := [2]int{}
		w.sampled = func(w *world) {
			if w.now < w.start+c.Joins[0].At {
				came[0] = w.submitted
			}
			came[1] = w.submitted
		}
		if r, err := w.run(); err != nil || r.Lost > 0 {
			t.Fatalf("%s: %v, lost %d", policy, err, r.Lost)
		}
		// A thousand a second at each: ten seconds of one, ten of both.
		if length := c.length(); came[0] < 8_000 || came[0] > 11_000 || length != 20*time.Second {
			t.Errorf("%s: %d of %d tasks came before the second node, all in %v", policy, came[0], came[1], length)
		}
	}
}
