package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/forecast"
)

func TestCellsCanBeAsked(t *testing.T) {
	known := make(map[string]bool)
	cells := deaths()
	for _, g := range groups() {
		cells = append(cells, g.cells...)
	}
	for _, c := range cells {
		if known[c.name()] {
			t.Errorf("%s: twice", c.name())
		}
		known[c.name()] = true
		for _, policy := range forecast.Policies() {
			c.Policy = policy
			if faults := c.Faults(); faults != nil {
				t.Errorf("%s: %q", c.name(), faults)
			}
		}
		if c.roundTrip() == 0 {
			t.Errorf("%s: without distance the bound may be 0", c.name())
		}
	}
}

// What is told of a target is what the results are.
func TestVerdicts(t *testing.T) {
	c := of(12, 100, 1, 5, 0.9, "exp:10ms", hot(2))
	a := answer{c, 7, make(map[string][]forecast.Result)}
	for policy, p99 := range map[string]float64{forecast.Global: 1, forecast.Default: 4, forecast.Peering3: 5, forecast.QueueGroup: 3, forecast.Oracle: 3.3, forecast.None: 9} {
		a.of[policy] = []forecast.Result{{WaitMS: forecast.Waits{P99: p99}, Over: make([]forecast.Slice, 60)}}
	}
	a.of[forecast.Default][0].NACK = 0.02
	for i, want := range []string{"*Met* in all 1.", "*Not met* in 1 of 1: 7 (1.33, oracle 1.10).", "7 (2.0 %)", "*Met*", "*Met* in all 0", "*Met*", "*Met*", "7 (4 ms, there 3; mean 0, there 0)", "*Met* in all 0", "*Met* in all 0"} {
		if got := targets()[i].verdict([]answer{a}); !strings.Contains(got, want) {
			t.Errorf("target %d: %s, want %s", i, got, want)
		}
	}
	a.Load, a.Hot = 1.1, 0
	a.of[forecast.Default][0].Delegated = 0.05
	for i, want := range []string{"7 (5.0 %)", "7 (1.33, oracle 1.10)"} {
		if got := targets()[8+i].verdict([]answer{a}); !strings.Contains(got, want) {
			t.Errorf("overloaded: %s, want %s", got, want)
		}
	}
	a.of[forecast.Default] = append(a.of[forecast.Default], forecast.Result{WaitMS: forecast.Waits{P99: 8}})
	a.of[forecast.Global] = append(a.of[forecast.Global], forecast.Result{})
	if _, ratio := a.worst(); ratio != 4 {
		t.Errorf("the worst ratio is %v, want that of the second seed, 4", ratio)
	}
}

func TestCellsAreCounted(t *testing.T) {
	bounded, moonshot := 0, 0
	for _, g := range groups() {
		for _, c := range g.cells {
			if c.bounded() {
				bounded++
			}
			if c.moonshot() {
				moonshot++
			}
		}
	}
	if bounded < 40 || moonshot < 20 {
		t.Errorf("%d and %d cells are the targets'", bounded, moonshot)
	}
	if c := of(12, 100, 1, 20, 0.9, "exp:10ms"); c.bounded() {
		t.Error("an interval longer than half a task is not the target's")
	}
}

// The document keeps what is around the marks, and gets a line a cell.
func TestDocument(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routing.md")
	if err := os.WriteFile(file, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(file, 1, io.Discard); err == nil {
		t.Fatal("a document without marks is written")
	}
	_, err := ask(deaths(), 0.0001, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "kill") {
		t.Errorf("a death after the last task: %v", err)
	}
	small := of(2, 2, 1, 5, 0.9, "exp:10ms")
	small.Tasks = 1000
	answers, err := ask([]cell{small}, 1, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	line := row(answers[0])
	if n := strings.Count(line, "|"); n != 15 || !strings.HasPrefix(line, "| 1 | 2×2 exp:10ms d 1 T 5 load 0.9 |") {
		t.Errorf("a row is %s", line)
	}
	text, err := between("before\n"+begins+"old\n"+ends+"after\n", "new\n")
	if err != nil || text != "before\n"+begins+"new\n"+ends+"after\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestGrowth(t *testing.T) {
	c := of(2, 2, 1, 5, 1.5, "exp:10ms")
	c.Tasks = 20_000
	r, err := forecast.Run(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	if g := growth(r); g < 1.5 {
		t.Errorf("an overloaded mesh's waits grow by %.2f", g)
	}
	if !slices.Contains(forecast.Policies(), c.Policy) || c.mean() != 10*time.Millisecond {
		t.Error(c.Config)
	}
}
