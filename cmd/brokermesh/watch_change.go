package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// silenceAfter is when the nodes themselves take a silent peer for gone.
const silenceAfter = 3 * time.Second

// people are the nodes that were heard of. It prints what changes.
type people struct {
	out   io.Writer
	nodes map[string]*person
	deaf  bool // our own connection is down: silence means nothing
}

type person struct {
	state  mesh.State
	loads  map[string]mesh.Load
	heard  time.Time
	silent bool
}

func newPeople(out io.Writer) *people { return &people{out: out, nodes: make(map[string]*person)} }

func (p *people) print(now time.Time, format string, args ...any) {
	fmt.Fprintf(p.out, "%s %s\n", now.Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// hear takes a state message.
func (p *people) hear(now time.Time, name string, data []byte) {
	s, _, err := mesh.ParseState(name, data)
	if err != nil {
		p.print(now, "%s sent what is no state: %v", name, err)
		return
	}
	old := p.nodes[name]
	switch {
	case s.Leaving:
		if old != nil && old.state.Incarnation == s.Incarnation {
			delete(p.nodes, name)
			p.print(now, "%s leaves", name)
		}
		return
	case old == nil:
		p.print(now, "%s appears, %s", name, identity(s))
		old = &person{}
	case old.state.Incarnation != s.Incarnation:
		p.print(now, "%s restarted, %s", name, identity(s))
		old = &person{}
	case s.Sequence <= old.state.Sequence:
		return // overtaken by a newer one
	case old.silent:
		p.print(now, "%s is heard again", name)
	}
	if s.Draining && !old.state.Draining {
		p.print(now, "%s drains", name)
	}
	next := &person{state: s, heard: now, loads: make(map[string]mesh.Load, len(s.Services))}
	for _, l := range s.Services {
		next.loads[l.Service] = l
	}
	p.compare(now, name, old.loads, next.loads)
	p.processes(now, name, old.state.Processes, s.Processes)
	p.nodes[name] = next
}

// identity is what a node says of itself, besides its load.
func identity(s mesh.State) string {
	up := (time.Duration(s.UptimeMS) * time.Millisecond).Round(100 * time.Millisecond)
	text := fmt.Sprintf("up %s, incarnation %s", up, s.Incarnation)
	if s.Region != "" {
		text += ", region " + s.Region
	}
	return text
}

// compare prints a line for each service whose load has changed. One that is not
// told of any more has no workers.
func (p *people) compare(now time.Time, name string, old, next map[string]mesh.Load) {
	services := maps.Clone(next)
	maps.Copy(services, old)
	for _, service := range slices.Sorted(maps.Keys(services)) {
		was, known := old[service]
		is := next[service]
		if known && was.Workers == is.Workers && was.Idle == is.Idle && was.Waiting == is.Waiting {
			continue
		}
		label := name
		if service != "" {
			label += " " + service + ":"
		}
		p.print(now, "%s workers %s idle %s waiting %s", label,
			changed(known, was.Workers, is.Workers), changed(known, was.Idle, is.Idle), changed(known, was.Waiting, is.Waiting))
	}
}

// processes prints a line if the node's own worker processes have changed.
func (p *people) processes(now time.Time, name string, old, next *mesh.Processes) {
	if next == nil || old != nil && *old == *next {
		return
	}
	known := old != nil
	if !known {
		old = &mesh.Processes{}
	}
	p.print(now, "%s processes %s of %d crashes %s circuit %s", name,
		changed(known, old.Running, next.Running), next.Wanted, changed(known, int(old.Crashes), int(next.Crashes)), next.Circuit)
}

// changed is a number, and by how much it has changed.
func changed(known bool, was, is int) string {
	if !known || was == is {
		return fmt.Sprint(is)
	}
	return fmt.Sprintf("%d (%+d)", is, is-was)
}

// linked takes news of our own connection.
func (p *people) linked(now time.Time, up bool, news string) {
	p.print(now, "%s", news)
	p.deaf = !up
	if up {
		for _, n := range p.nodes {
			n.heard = now // nobody could be heard until now
		}
	}
}

// wake is how long it takes until somebody may be silent.
func (p *people) wake(now time.Time) time.Duration {
	soonest := time.Hour
	if p.deaf {
		return soonest
	}
	for _, n := range p.nodes {
		if !n.silent {
			soonest = min(soonest, n.heard.Add(silenceAfter).Sub(now))
		}
	}
	return max(soonest, 0)
}

// listen tells of those that have been silent for too long.
func (p *people) listen(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(p.nodes)) {
		n := p.nodes[name]
		if !p.deaf && !n.silent && now.Sub(n.heard) >= silenceAfter {
			n.silent = true
			p.print(now, "%s silent for %.0f s", name, silenceAfter.Seconds())
		}
	}
}
