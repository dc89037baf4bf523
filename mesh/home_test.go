package mesh

import (
	"math"
	"testing"
	"time"
)

func TestHome(t *testing.T) {
	busy := Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 9500}
	for _, c := range []struct {
		h     Home
		pace  time.Duration
		spare float64
		keep  int // at 2 ms
	}{
		{Home{}, 0, 0, 0},
		{Home{Workers: 100}, 0, 0, 0},
		{Home{ServiceTime: 10 * ms}, 0, 0, 0},
		{Home{Workers: 100, ServiceTime: 10 * ms}, 100 * time.Microsecond, 10000, 20},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 5000}, 100 * time.Microsecond, 5000, 11},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 7500}, 100 * time.Microsecond, 2500, 3},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 7500, Guests: 1500}, 100 * time.Microsecond, 2500, 7},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 7500, Guests: 5000}, 100 * time.Microsecond, 2500, 13},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 8750}, 100 * time.Microsecond, 1250, 2},
		{busy, 100 * time.Microsecond, 500, 4},
		{Home{Workers: 100, ServiceTime: 10 * ms, Oldest: 4 * ms}, 100 * time.Microsecond, 10000, 20},
		{Home{Workers: 100, ServiceTime: 10 * ms, Oldest: 4*ms + 1}, 100 * time.Microsecond, 10000, 0},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 20000}, 100 * time.Microsecond, 0, 0},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: math.Inf(1)}, 100 * time.Microsecond, 0, 0},
	} {
		if c.h.Pace() != c.pace || math.Abs(c.h.Spare()-c.spare) > 1e-6 || c.h.Keep(2*ms) != c.keep {
			t.Errorf("%+v has pace %v, %v to spare, keeps %d; want %v, %v, %d", c.h, c.h.Pace(), c.h.Spare(), c.h.Keep(2*ms), c.pace, c.spare, c.keep)
		}
	}
}

// The way counts the less the more tasks must go anyway, whatever is known.
func TestDetour(t *testing.T) {
	for _, c := range []struct {
		h    Home
		want time.Duration // of 2 ms
	}{
		{Home{}, 0},
		{Home{Workers: 100}, 2 * ms},
		{Home{Workers: 100, Arrivals: math.Inf(1)}, 2 * ms},
		{Home{Workers: 100, ServiceTime: 10 * ms}, 2 * ms},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 15000}, 1500 * time.Microsecond},
		{Home{Workers: 100, ServiceTime: 100 * ms, Arrivals: 2000}, 2 * ms},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 10000}, 2 * ms},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: 20000}, ms},
		{Home{Workers: 100, ServiceTime: 10 * ms, Arrivals: math.Inf(1)}, ms},
	} {
		if got := c.h.detour(2*ms, 0); got != c.want {
			t.Errorf("%+v: %v, want %v", c.h, got, c.want)
		}
		more := 12500 * time.Microsecond
		if c.h.Workers == 0 {
			more = 0
		}
		if got := c.h.detour(2*ms, 100*ms); got != c.want+more {
			t.Errorf("%+v: %v to a long queue, want %v", c.h, got, c.want+more)
		}
		c.h.Full = true
		if got := c.h.detour(2*ms, 100*ms); got != c.want {
			t.Errorf("%+v: %v without room, want %v", c.h, got, c.want)
		}
	}
}

// The youngest goes while a place in the queue costs less than the way.
func TestYoungest(t *testing.T) {
	for _, c := range []struct {
		h    Home
		want bool
	}{
		{Home{Workers: 100, ServiceTime: 10 * ms, Waiting: 5}, true},
		{Home{Workers: 5, ServiceTime: 10 * ms, Waiting: 5}, true},  // 2 ms a place, as long as the way
		{Home{Workers: 4, ServiceTime: 10 * ms, Waiting: 5}, false}, // 2.5 ms
		{Home{Workers: 100, Waiting: 5}, false},
		{Home{ServiceTime: 10 * ms, Waiting: 5}, false},
		{Home{Workers: 100, ServiceTime: 10 * ms, Waiting: 5, Oldest: time.Hour, Still: 24 * ms}, true}, // 2*(2 + 10)
		{Home{Workers: 100, ServiceTime: 10 * ms, Waiting: 5, Still: 24*ms + 1}, false},
	} {
		if got := c.h.youngest(2 * ms); got != c.want {
			t.Errorf("%+v: %v", c.h, got)
		}
	}
}

// A guest is queued if it waits no longer than the way back and at its home.
func TestAccepts(t *testing.T) {
	h := Home{Workers: 10, Waiting: 4, ServiceTime: 10 * ms} // the next one waits 5 ms
	for _, c := range []struct {
		patience, roundTrip time.Duration
		want                bool
	}{{0, 0, false}, {0, 5 * ms, true}, {3 * ms, 2 * ms, true}, {3*ms - 1, 2 * ms, false}, {time.Hour, 0, true}} {
		if got := h.Accepts(c.patience, c.roundTrip); got != c.want {
			t.Errorf("patience %v, round trip %v: %v", c.patience, c.roundTrip, got)
		}
	}
	for _, h := range []Home{{Workers: 10}, {ServiceTime: ms}} {
		if h.Accepts(time.Hour, time.Hour) {
			t.Errorf("%+v queues a task without knowing how long it waits", h)
		}
	}
}
