package main

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// board is what the live view shows.
type board struct {
	report
	rate   float64 // tasks answered a second, of late
	last   string
	events []string // oldest first, with their times
	tries  []try
}

// all is the sum of all nodes' counts.
func (r report) all() counts {
	if len(r.tally) == 0 {
		return counts{}
	}
	return r.tally[len(r.tally)-1]
}

// The terminal's own colours, so that its theme holds, but for the grey.
var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Foreground(lipgloss.Color("245")) // a grey that can be read on black and white
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	busy  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	link  = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

const (
	narrowestBar = 6 // with the numbers as wide as its title
	widestBar    = 20
	otherColumns = 73
	fewestRows   = 3
	otherRows    = 13 // all but those of nodes and events
)

// view renders the board for a terminal of that size.
func (b board) view(width, height int) string {
	if len(b.nodes) == 0 {
		return faint.Render("starting")
	}
	var rows []string
	add := func(format string, args ...any) { rows = append(rows, fmt.Sprintf(format, args...)) }

	add("%s  %s", bold.Render("brokermesh demo"), b.headline())
	add("")
	bar := b.barWidth(width)
	add("%s", faint.Render(fmt.Sprintf("%-5s %-*s %8s %10s %9s %9s %7s  %-5s %s",
		"node", bar+6, "workers busy", "waiting", "done here", "by peers", "for peers", "crashes", "local", "cloud")))
	shown := min(len(b.nodes), max(fewestRows, height-otherRows-fewestRows))
	for i := range shown {
		rows = append(rows, b.row(i, bar))
	}
	if hidden := len(b.nodes) - shown; hidden > 0 {
		add("%s", faint.Render(fmt.Sprintf("and %d more", hidden)))
	}
	add("")
	rows = append(rows, b.totals(), "last: "+b.last, "")

	tail := []string{"", faint.Render("Try from another terminal (all ports: 127.0.0.1). q or Ctrl-C ends the demo.")}
	longest := 0
	for _, t := range b.tries {
		longest = max(longest, len(t.command))
	}
	for _, t := range b.tries {
		tail = append(tail, fmt.Sprintf("  %s  %s", link.Render(fmt.Sprintf("%-*s", longest, t.command)), faint.Render(t.what)))
	}
	// The newest events get the room that is left.
	room := min(max(fewestRows, height-len(rows)-len(tail)), len(b.events))
	for _, e := range b.events[len(b.events)-room:] {
		rows = append(rows, colourEvent(e))
	}
	rows = append(rows, tail...)
	clip := lipgloss.NewStyle().MaxWidth(max(width, 1))
	for i, row := range rows {
		rows[i] = clip.Render(row)
	}
	return strings.Join(rows, "\n")
}

func (b board) headline() string {
	ran := b.ran.Round(time.Second).String()
	if b.length > 0 {
		ran += " of " + b.length.String()
	}
	return fmt.Sprintf("%s  %s", ran, good.Render(fmt.Sprintf("%.0f tasks/s", b.rate)))
}

// barWidth gives a worker a cell, as long as there is room.
func (b board) barWidth(width int) int {
	widest := narrowestBar
	for _, n := range b.nodes {
		widest = max(widest, n.workers)
	}
	return min(widest, max(narrowestBar, min(widestBar, width-otherColumns)))
}

// row shows one node and its clients' tasks.
func (b board) row(i, bar int) string {
	n, c := b.nodes[i], b.tally[i]
	load := bad.Render(fmt.Sprintf("%-*s", bar+6, "DOWN"))
	waiting := ""
	if n.up {
		cells := min(n.workers, bar)
		full := 0
		if n.workers > 0 {
			full = (n.busy*cells + n.workers - 1) / n.workers
		}
		load = busy.Render(strings.Repeat("█", full)) + faint.Render(strings.Repeat("░", cells-full)) +
			strings.Repeat(" ", bar-cells) + fmt.Sprintf(" %-5s", fmt.Sprintf("%d/%d", n.busy, n.workers))
		waiting = fmt.Sprint(n.queued)
	}
	return fmt.Sprintf("%s %s %8s %10d %9d %9d %7d  %-5s %s", bold.Render(fmt.Sprintf("%-5s", n.name)), load, waiting,
		c.here, c.away, c.guests, n.crashes, port(n.local), port(n.cloud))
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

func (b board) totals() string {
	c := b.all()
	again := uint64(0)
	for _, n := range b.nodes {
		again += n.redispatched
	}
	fate := good
	if c.lost+c.wrong > 0 {
		fate = bad
	}
	return fmt.Sprintf("sent %d  answered %d  %s  under way %d  re-dispatched %d  resubmitted %d",
		c.sent, c.answered(), fate.Render(fmt.Sprintf("lost %d  wrong %d", c.lost, c.wrong)), c.open(), again, c.resubmitted)
}

func colourEvent(e string) string {
	switch {
	case strings.Contains(e, "crashed"), strings.Contains(e, "complains"), strings.Contains(e, "answered"):
		return bad.Render(e)
	case strings.Contains(e, "is back"):
		return good.Render(e)
	}
	return e
}
