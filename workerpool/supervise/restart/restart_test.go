package restart_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/brokermesh/brokermesh/workerpool/supervise/restart"
)

const ms, s = time.Millisecond, time.Second

func config(slots int) restart.Config {
	return restart.Config{
		Slots: slots, First: 100 * ms, Max: 3 * s, Well: 5 * s, Limit: 5, Pause: 4 * s, MaxPause: 20 * s, Seed: [32]byte{7},
	}
}

// due checks what is started at a moment.
func due(t *testing.T, r *restart.Restarts, now time.Duration, want ...int) {
	t.Helper()
	if got := r.Due(now, nil); !slices.Equal(got, want) {
		t.Fatalf("at %s slots %v are started, want %v", now, got, want)
	}
}

func circuit(t *testing.T, r *restart.Restarts, want restart.Circuit) {
	t.Helper()
	if got := r.Circuit(); got != want {
		t.Fatalf("the circuit is %s, want %s", got, want)
	}
}

// The whole story of a program that crashes at once, is mended, and runs: to the
// microsecond, for it depends on the seed alone.
func TestStory(t *testing.T) {
	r := restart.New(config(1))
	var story []string
	note := func(now time.Duration, what string) {
		story = append(story, fmt.Sprintf("%s %s %s", now.Truncate(time.Microsecond), what, r.Circuit()))
	}
	for now := time.Duration(0); now < 40*s && len(story) < 30; now = r.Wake() {
		if len(r.Due(now, nil)) == 0 {
			note(now, "well")
			break
		}
		note(now, "start")
		if now < 15*s {
			now += 10 * ms
			r.Ended(now, 0)
			note(now, "crash")
		}
	}
	// Read it: each wait is in its bounds, each try fails until the third.
	golden := []string{
		"0s start closed", "10ms crash closed", "13.237ms start closed", "23.237ms crash closed", "151.393ms start closed",
		"161.393ms crash closed", "323.349ms start closed", "333.349ms crash closed", "741.608ms start closed", "751.608ms crash open",
		"4.06646s start trying", "4.07646s crash open", "10.306069s start trying", "10.316069s crash open",
		"25.3118s start trying", "30.3118s well closed",
	}
	if !slices.Equal(story, golden) {
		t.Errorf("the story is\n%q", story)
	}
}

// A wait is anywhere from 0 to its bound, which doubles up to the limit.
func TestBackoff(t *testing.T) {
	cfg := config(1)
	cfg.Limit = 1 << 30
	bounds := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3 * s, 3 * s}
	low, high := make([]time.Duration, len(bounds)), make([]time.Duration, len(bounds))
	for seed := range 200 {
		cfg.Seed[0] = byte(seed)
		r := restart.New(cfg)
		now := time.Duration(0)
		for i, bound := range bounds {
			due(t, r, now, 0)
			wait := r.Ended(now, 0)
			if wait < 0 || wait > bound {
				t.Fatalf("crash %d: wait %s, want %s at most", i+1, wait, bound)
			}
			if seed == 0 || wait < low[i] {
				low[i] = wait
			}
			high[i] = max(high[i], wait)
			if now += wait; r.Wake() != now {
				t.Fatalf("wake at %s, want %s", r.Wake(), now)
			}
		}
	}
	for i, bound := range bounds {
		if low[i] > bound/10 || high[i] < bound*9/10 {
			t.Errorf("crash %d: waits from %s to %s, want 0 to %s", i+1, low[i], high[i], bound)
		}
	}
}

// Four crashes, a good run, four crashes: that is no crash loop, and the waits
// begin anew.
func TestGoodRunForgets(t *testing.T) {
	r := restart.New(config(1))
	now := time.Duration(0)
	for range 3 {
		for crash := range 4 {
			due(t, r, now, 0)
			if crash == 0 {
				now += 5 * s // it has run well, and nobody has looked
			}
			if wait := r.Ended(now, 0); crash == 0 && wait > 100*ms {
				t.Errorf("wait %s after a good run", wait)
			}
			circuit(t, r, restart.Closed)
			now = r.Wake()
		}
	}
}

// To wait is not to run: crashes in a row open the circuit, however late the
// process was started again, as on a machine that slept.
func TestWaitForgetsNothing(t *testing.T) {
	r := restart.New(config(1))
	now := time.Duration(0)
	for range 5 {
		circuit(t, r, restart.Closed)
		due(t, r, now, 0)
		r.Ended(now, 0)
		now += 10 * s
	}
	circuit(t, r, restart.Open)
}

// One slot's crash loop leaves the others running, but starts none of them. Each
// gets its turn to try.
func TestCircuitOfMany(t *testing.T) {
	r := restart.New(config(3))
	due(t, r, 0, 0, 1, 2)
	now := 10 * s
	due(t, r, now)
	for crash := range 5 {
		circuit(t, r, restart.Closed)
		if crash > 0 {
			now = r.Wake()
			due(t, r, now, 1)
		}
		r.Ended(now, 1)
	}
	circuit(t, r, restart.Open)
	r.Ended(now, 2)
	if now = r.Until(); r.Wake() != now {
		t.Errorf("wake at %s, want %s", r.Wake(), now)
	}
	due(t, r, now-1)
	due(t, r, now, 2) // its last start is longer ago
	circuit(t, r, restart.Trying)
	due(t, r, now+5*s-1)
	due(t, r, now+5*s, 1)
	circuit(t, r, restart.Closed)
	if r.Ended(now+5*s, 1); r.Circuit() != restart.Closed {
		t.Error("the crashes of before count")
	}
}

// Whatever happens, an open circuit starts one process at most, at the time it
// said, and something is always going to happen.
func TestAnyStory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		r := restart.New(config(slots))
		running := make([]bool, slots)
		now := time.Duration(0)
		for range 200 {
			before := r.Circuit()
			started := r.Due(now, nil)
			if before != restart.Closed && r.Circuit() != restart.Closed && len(started) > 1 || before == restart.Trying && r.Circuit() == restart.Trying && len(started) > 0 {
				t.Fatalf("%s: starts %v", before, started)
			}
			for _, i := range started {
				if running[i] {
					t.Fatalf("slot %d is started twice", i)
				}
				running[i] = true
			}
			if wake := r.Wake(); wake <= now || wake == restart.Never && slices.Contains(running, false) {
				t.Fatalf("at %s wake at %s with %v running, %s", now, wake, running, r.Circuit())
			}
			if i := rapid.IntRange(0, slots-1).Draw(t, "slot"); running[i] && rapid.Bool().Draw(t, "ends") {
				now += time.Duration(rapid.Int64Range(0, int64(6*s)).Draw(t, "after"))
				r.Ended(now, i)
				running[i] = false
			} else if wake := r.Wake(); wake != restart.Never {
				now = max(now, wake)
			}
		}
	})
}
