package forecast

import (
	"fmt"
	"time"
)

// Change is a node that dies, with its workers and without a word, or one that
// joins, with its workers and its clients: until then nobody knows of it, and it
// knows nobody.
type Change struct {
	Node int           // from 1
	At   time.Duration // after the first task may come
}

// changeFaults returns what is wrong with the nodes that come and go; see Faults.
// All else is right already.
func (c Config) changeFaults() (faults []string) {
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	check := func(setting, verb string, node int, at time.Duration, before map[int]time.Duration) {
		_, twice := before[node]
		need(1 <= node && node <= c.Nodes, "%s: node %d of %d", setting, node, c.Nodes)
		need(at >= 0 && at <= maxTime, "%s: from 0 to %v", setting, maxTime)
		need(!twice, "%s: node %d %s twice", setting, node, verb)
		before[node] = at
	}
	joined, killed := make(map[int]time.Duration), make(map[int]time.Duration)
	for _, j := range c.Joins {
		check("join", "joins", j.Node, j.At, joined)
	}
	for _, k := range c.Kills {
		check("kill", "dies", k.Node, k.At, killed)
		need(k.At < 0 || joined[k.Node] <= k.At, "kill: node %d dies before it joins", k.Node)
	}
	if len(faults) > 0 {
		return faults
	}
	need(len(joined) < c.Nodes, "join: no node would be there at first")
	for _, k := range c.Kills {
		left := 0
		for node := 1; node <= c.Nodes; node++ {
			at, dies := killed[node]
			if joined[node] <= k.At && (!dies || at > k.At) {
				left++
			}
		}
		need(left > 0, "kill: no node would be left at %v", k.At)
	}
	end := c.length()
	for _, j := range c.Joins {
		need(j.At < end, lateFault, "join", j.At, end.Round(time.Millisecond))
	}
	for _, k := range c.Kills {
		need(k.At < end, lateFault, "kill", k.At, end.Round(time.Millisecond))
	}
	return faults
}

const lateFault = "%s: %v is after the last task, at about %v; more tasks make it longer"

// die ends a node. What its own clients wait for they ask for elsewhere, as soon
// as they notice that their connection is gone.
func (w *world) die(node int32) {
	w.absent[node] = true
	w.meter.present(w, -1)
	w.policy.die(node)
}

// join starts a node that was not there.
func (w *world) join(node int32) {
	w.absent[node] = false
	w.meter.present(w, 1)
	w.policy.join(node)
}
