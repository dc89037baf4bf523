package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// bare is a text without its colours.
func bare(s string) string { return escapes.ReplaceAllString(s, "") }

func boardOf(nodes int) board {
	b := board{rate: 61.4, last: "DC1-client-0-task-1 was done by DC2-worker-1 of DC2 in 22ms", tries: tries("nats://127.0.0.1:4222", "DC2")}
	b.ran, b.length = 4*time.Second, 10*time.Second
	var sum counts
	for i := range nodes {
		c := counts{sent: 10, here: 6, away: 3, guests: 2, resubmitted: 1}
		sum.add(c)
		b.tally = append(b.tally, c)
		b.nodes = append(b.nodes, standing{
			name: fmt.Sprintf("DC%d", i+1), up: i != 1, workers: 5, busy: 3, queued: 7,
			local: "nats://127.0.0.1:4222", cloud: "nats://127.0.0.1:4223",
		})
	}
	b.tally = append(b.tally, sum)
	for i := range 30 {
		b.events = append(b.events, fmt.Sprintf("18:30:%02d  DC2 crashed", i))
	}
	return b
}

func TestBoard(t *testing.T) {
	got := bare(boardOf(2).view(100, 20))
	for _, want := range []string{
		"brokermesh demo  4s of 10s  61 tasks/s\n",
		"\nDC1   ███░░  3/5          7          6         3         2       0  4222  4223\n",
		"\nDC2   DOWN                           6         3         2       0  4222  4223\n",
		"\nsent 20  answered 18  lost 0  wrong 0  under way 2  re-dispatched 0  resubmitted 2\n",
		"\nlast: DC1-client-0-task-1 was done by DC2-worker-1 of DC2 in 22ms\n",
		"\n18:30:29  DC2 crashed\n",
		"  nats -s nats://127.0.0.1:4222 req cloud.DC2 hello  a worker of DC2 alone\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not show %q:\n%s", want, got)
		}
	}
}

func TestBoardFitsTheTerminal(t *testing.T) {
	for _, nodes := range []int{1, 3, 30} {
		for _, size := range [][2]int{{80, 24}, {200, 60}, {40, 24}} {
			rows := strings.Split(bare(boardOf(nodes).view(size[0], size[1])), "\n")
			if len(rows) > size[1] {
				t.Errorf("%d nodes take %d rows of %d", nodes, len(rows), size[1])
			}
			for _, row := range rows {
				if n := utf8.RuneCountInString(row); n > size[0] {
					t.Errorf("%d of %d columns: %s", n, size[0], row)
				}
			}
		}
	}
	if first := bare(boardOf(3).view(80, 24)); !strings.Contains(first, "cloud\n") {
		t.Errorf("the table is wider than 80 columns:\n%s", first)
	}
}

func TestModel(t *testing.T) {
	var m tea.Model = &model{width: 80, height: 24}
	if v := m.View(); !v.AltScreen || !strings.Contains(v.Content, "starting") {
		t.Errorf("before the first report: %+v", v)
	}
	m, _ = m.Update(boardOf(1))
	m, _ = m.Update(tea.WindowSizeMsg{Width: 10, Height: 24})
	if v := bare(m.View().Content); !strings.HasPrefix(v, "brokermesh\n") {
		t.Errorf("at a width of 10:\n%s", v)
	}
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); cmd != nil {
		t.Error("any key ends it")
	}
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}, {Code: tea.KeyEscape}} {
		if _, cmd := m.Update(key); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not end it", key)
		}
	}
}

func TestNoLiveViewWithoutATerminal(t *testing.T) {
	if livable(newOutput(), func(string) (string, bool) { return "", false }) {
		t.Error("a live view in a buffer")
	}
}
