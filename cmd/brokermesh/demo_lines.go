package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"text/tabwriter"
	"time"
)

// lines shows the demo as lines, for pipes and files: reports, or the way of
// each task.
type lines struct {
	flow bool
	log  *slog.Logger

	mu   sync.Mutex
	out  io.Writer
	last string
}

func newLines(out, logs io.Writer, o demoOptions) *lines {
	return &lines{
		flow: o.only == "flow", out: out,
		log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: logLevel(o)})),
	}
}

func (l *lines) every(o demoOptions) time.Duration { return o.every }
func (l *lines) quit() <-chan struct{}             { return nil }
func (l *lines) logger() *slog.Logger              { return l.log }
func (l *lines) close() error                      { return nil }

func (l *lines) introduce(m *demoMesh) {
	l.mu.Lock()
	defer l.mu.Unlock()
	table := tabwriter.NewWriter(l.out, 0, 4, 3, ' ', 0)
	fmt.Fprintln(table, "node\tclients and workers\tcloud plane")
	for _, c := range m.clusters {
		fmt.Fprintf(table, "%s\tnats://%s\tnats://%s\n", c.cfg.Name, c.cfg.Listen, c.cfg.CloudListen)
	}
	_ = table.Flush() // what cannot be printed cannot be told either
	fmt.Fprintln(l.out, "\nTry from another terminal:")
	for _, try := range tries("nats://"+m.clusters[0].cfg.Listen, m.clusters[len(m.clusters)-1].cfg.Name) {
		fmt.Fprintf(l.out, "  %-52s # %s\n", try.command, try.what)
	}
	fmt.Fprintln(l.out)
	if l.flow {
		fmt.Fprintln(l.out, "local: client's task → node → worker     cloud: client's task → node → peer → worker")
	}
}

// try is a command line to try while the demo runs.
type try struct{ command, what string }

func tries(url, last string) []try {
	return []try{
		{"nats -s " + url + " req localfe hello", "any worker of the mesh"},
		{"nats -s " + url + " req cloud." + last + " hello", "a worker of " + last + " alone"},
		{"brokermesh watch -s " + url, "what the nodes say"},
	}
}

func (l *lines) event(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%s  %s\n", time.Now().Format(time.TimeOnly), text)
}

func (l *lines) task(o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flow {
		fmt.Fprintln(l.out, way(o))
		return
	}
	l.last = last(o)
}

// way is the way of a task through the mesh.
func way(o outcome) string {
	flow, peer := "local", ""
	if o.node != o.origin {
		flow, peer = "cloud", o.node+" → "
	}
	return fmt.Sprintf("%s  %s → %s → %s%s, %s", flow, o.task, o.origin, peer, o.worker, o.took.Round(time.Millisecond))
}

func last(o outcome) string {
	return fmt.Sprintf("%s was done by %s of %s in %s", o.task, o.worker, o.node, o.took.Round(time.Millisecond))
}

func (l *lines) show(r report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flow {
		return
	}
	stamp := r.at.Format(time.TimeOnly)
	for i, n := range r.nodes {
		state := "down"
		if n.up {
			state = fmt.Sprintf("workers %d, idle %d, waiting %d", n.workers, n.workers-n.busy, n.queued)
		}
		c := r.tally[i]
		fmt.Fprintf(l.out, "%s  %s  %s;  its clients' tasks: %d done here, %d by peers;  did %d for peers\n",
			stamp, n.name, state, c.here, c.away, c.guests)
	}
	if l.last != "" {
		fmt.Fprintf(l.out, "%s  last: %s\n", stamp, l.last)
	}
}
