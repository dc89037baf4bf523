package integration

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// chaosRun is one execution of a task, as its worker noted it.
type chaosRun struct {
	id, attempt, worker string
	home                int // the worker's node
	begin, end          time.Time
}

// chaosFault is one fault. What it hit is a worker process by name, a node by
// number, or neither: a server, which everybody needs.
type chaosFault struct {
	kind     string
	worker   string
	node     int // -1: none
	other    int // of a partition between two nodes; -1: none
	from, to time.Time
}

// runs reads what the workers noted, by task and in order.
func (c *chaos) runs() map[string][]*chaosRun {
	c.t.Helper()
	found := make(map[string][]*chaosRun)
	for worker, home := range c.homes {
		f, err := os.Open(filepath.Join(c.dir, worker))
		if os.IsNotExist(err) {
			continue // killed before it was up
		}
		if err != nil {
			c.t.Fatal(err)
		}
		begun := make(map[string]*chaosRun) // by attempt
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var what, attempt, id string
			var at int64
			if _, err := fmt.Sscan(lines.Text(), &what, &at, &attempt, &id); err != nil {
				c.t.Errorf("%s noted %q: %v", worker, lines.Text(), err)
				continue
			}
			switch {
			case what == "end" && begun[attempt] != nil:
				begun[attempt].end = time.Unix(0, at)
			case what == "begin" && begun[attempt] == nil:
				r := &chaosRun{id: id, attempt: attempt, worker: worker, home: home, begin: time.Unix(0, at)}
				begun[attempt] = r
				found[id] = append(found[id], r)
			default:
				c.t.Errorf("%s noted %q twice", worker, lines.Text())
			}
		}
		_ = f.Close()
	}
	for _, runs := range found {
		slices.SortFunc(runs, func(a, b *chaosRun) int { return a.begin.Compare(b.begin) })
	}
	return found
}

// explains reports whether a fault may be why a task that was run as first runs
// again as next. A node that is told to end explains nothing: it finishes what it
// has in hand.
func (f *chaosFault) explains(k *chaosTask, first, next *chaosRun) bool {
	if f.from.After(next.begin) || f.to.Before(k.sent) {
		return false
	}
	switch {
	case f.kind == chaosTerm:
		return false
	case f.other >= 0: // one did it for the other
		return (first.home == f.node || first.home == f.other) && (k.home < 0 || k.home == f.node || k.home == f.other)
	case f.worker != "":
		return f.worker == first.worker || f.worker == next.worker
	case f.node >= 0:
		return f.node == first.home || f.node == k.home || k.home < 0
	}
	return true
}

// chaosCount is the count of all tasks.
type chaosCount struct {
	tasks, lost, wrong, again, extra, slow, unexplained, repeats, moved int
}

// count looks at every task. What is not as it has to be fails the test.
func (c *chaos) count(l *chaosLoad, runs map[string][]*chaosRun) (n chaosCount) {
	c.t.Helper()
	complain := func(k *chaosTask, format string, args ...any) {
		if n.lost+n.wrong+n.unexplained <= 10 {
			c.t.Errorf("%s, sent at %s: %s\n%s", k.id, c.at(k.sent), fmt.Sprintf(format, args...), c.story(k, runs[k.id]))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n.tasks = len(l.tasks)
	for id, k := range l.tasks {
		if fault, lost := k.fault(); fault != "" {
			if lost {
				n.lost++
			} else {
				n.wrong++
			}
			complain(k, "%s", fault)
			continue
		}
		all := runs[id]
		if !slices.ContainsFunc(all, func(r *chaosRun) bool { return r.attempt == k.reply.Attempt }) {
			n.wrong++
			complain(k, "answered attempt %s was run by nobody", k.reply.Attempt)
		}
		if k.reply.Sent > 1 {
			n.again++
		}
		if k.reply.Hops > 0 {
			n.moved++
		}
		n.repeats += k.answers - 1
		for i, next := range all[1:] {
			first := all[i]
			n.extra++
			switch {
			case slices.ContainsFunc(c.faults, func(f *chaosFault) bool { return f.explains(k, first, next) }):
			case first.end.IsZero() || first.end.Sub(first.begin) >= chaosAttemptTimeout:
				n.slow++
			default:
				n.unexplained++
				complain(k, "run again without a reason")
			}
		}
	}
	for id := range runs {
		if l.tasks[id] == nil {
			n.wrong++
			c.t.Errorf("task %q was run and never sent", id)
		}
	}
	for _, s := range l.stray {
		n.wrong++
		c.t.Errorf("a client got %s", s)
	}
	return n
}

// story tells a task's executions, and the faults of that time.
func (c *chaos) story(k *chaosTask, runs []*chaosRun) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "  run by %s from %s to %s, attempt %s\n", r.worker, c.at(r.begin), c.at(r.end), r.attempt)
	}
	for _, f := range c.faults {
		if !f.from.After(k.answered) && !f.to.Before(k.sent) {
			fmt.Fprintf(&b, "  %s\n", c.tell(f))
		}
	}
	fmt.Fprintf(&b, "  over at %s, %+v", c.at(k.answered), k.reply)
	return b.String()
}

func (c *chaos) tell(f *chaosFault) string {
	what := f.worker
	if f.node >= 0 {
		what = c.nodes[f.node].name
	}
	if f.other >= 0 {
		what += " and " + c.nodes[f.other].name
	}
	return fmt.Sprintf("%s of %s from %s to %s", f.kind, what, c.at(f.from), c.at(f.to))
}

func (c *chaos) at(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Sub(c.began).Round(time.Millisecond).String()
}
