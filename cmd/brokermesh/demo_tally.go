package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// outcome is the fate of one task.
type outcome struct {
	task, origin string
	fate         fate
	node, worker string // who did it
	took         time.Duration
	fault        string // "": it was answered as it should be
}

type fate int

const (
	lost fate = iota
	wrong
	answered
)

// counts is what became of the tasks of one node's clients, and what the node
// did for others.
type counts struct {
	sent, here, away, wrong, lost int
	guests                        int // done for clients of other nodes
	resubmitted, complaints       int
}

func (c counts) answered() int { return c.here + c.away }
func (c counts) open() int     { return c.sent - c.answered() - c.wrong - c.lost }

func (c *counts) add(other counts) {
	c.sent += other.sent
	c.here += other.here
	c.away += other.away
	c.wrong += other.wrong
	c.lost += other.lost
	c.guests += other.guests
	c.resubmitted += other.resubmitted
	c.complaints += other.complaints
}

var errLost = errors.New("tasks were lost or answered wrongly")

// tally counts who did what. It is safe for concurrent use.
type tally struct {
	names  []string
	screen screen

	mu     sync.Mutex
	counts map[string]*counts
	faults []string
}

func newTally(names []string, s screen) *tally {
	t := &tally{names: names, screen: s, counts: make(map[string]*counts)}
	for _, name := range names {
		t.counts[name] = &counts{}
	}
	return t
}

// change changes the counts of a node, if it is one of the demo's.
func (t *tally) change(name string, change func(*counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.counts[name]; c != nil {
		change(c)
	}
}

func (t *tally) begin(origin string) { t.change(origin, func(c *counts) { c.sent++ }) }
func (t *tally) resubmit(origin string, times int) {
	t.change(origin, func(c *counts) { c.resubmitted += times })
}
func (t *tally) complain(origin string) { t.change(origin, func(c *counts) { c.complaints++ }) }

// end notes the fate of a task.
func (t *tally) end(o outcome) {
	t.change(o.origin, func(c *counts) {
		switch {
		case o.fate == lost:
			c.lost++
		case o.fate == wrong:
			c.wrong++
		case o.node == o.origin:
			c.here++
		default:
			c.away++
		}
		if o.fate != answered {
			t.faults = append(t.faults, o.task+": "+o.fault)
		}
	})
	if o.fate != answered {
		t.screen.event(o.task + ": " + o.fault)
		return
	}
	if o.node != o.origin {
		t.change(o.node, func(c *counts) { c.guests++ })
	}
	t.screen.task(o)
}

// snapshot returns the counts of each node, in order, and then their sum.
func (t *tally) snapshot() []counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum counts
	all := make([]counts, 0, len(t.names)+1)
	for _, name := range t.names {
		sum.add(*t.counts[name])
		all = append(all, *t.counts[name])
	}
	return append(all, sum)
}

// open is how many tasks are neither answered nor lost.
func (t *tally) open() int {
	all := t.snapshot()
	return all[len(all)-1].open()
}

// summary prints the whole run. It returns an error if a task was lost or
// answered wrongly.
func (t *tally) summary(out io.Writer, nodes []standing) error {
	all := t.snapshot()
	sum, total := all[len(all)-1], standing{name: "all"}
	for _, n := range nodes {
		total.redispatched += n.redispatched
		total.crashes += n.crashes
	}
	table := tabwriter.NewWriter(out, 0, 4, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\nnode\tsent\tanswered\there\tby peers\tfor peers\tre-dispatched\tresubmitted\tcrashes\t")
	for i, n := range append(nodes, total) {
		c := all[i]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			n.name, c.sent, c.answered(), c.here, c.away, c.guests, n.redispatched, c.resubmitted, n.crashes)
	}
	_ = table.Flush() // what cannot be printed cannot be told either
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.faults) > 0 || sum.complaints > 0 {
		fmt.Fprintf(out, "\nclients complained %d times\n", sum.complaints)
	}
	for _, fault := range t.faults {
		fmt.Fprintln(out, "fault:", fault)
	}
	fmt.Fprintf(out, "\nsent %d, answered %d, wrong %d, lost %d\n", sum.sent, sum.answered(), sum.wrong, sum.lost)
	if sum.lost+sum.wrong > 0 {
		return errLost
	}
	return nil
}
