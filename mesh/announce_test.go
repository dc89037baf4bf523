package mesh

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestAnnouncer(t *testing.T) {
	a := Announcer{Interval: 20 * ms, Heartbeat: time.Second}
	announced := func(now time.Duration) { a.Announced(now, true) }
	for _, step := range []struct {
		what string
		do   func(now time.Duration)
		now  time.Duration
		next time.Duration
	}{
		{"a node that starts announces itself", func(time.Duration) {}, 0, 0},
		{"then there is the heartbeat", announced, 5 * ms, 1005 * ms},
		{"a change soon after waits for the interval", a.Changed, 6 * ms, 25 * ms},
		{"another adds nothing", a.Changed, 7 * ms, 25 * ms},
		{"the tick may be late", announced, 30 * ms, 1030 * ms},
		{"a change after a quiet interval is due at once", a.Changed, 200 * ms, 200 * ms},
		{"the next one does not put it off", a.Changed, 210 * ms, 200 * ms},
		{"announced", announced, 210 * ms, 1210 * ms},
		{"a change when the heartbeat is due anyway", a.Changed, 1300 * ms, 1210 * ms},
		{"announced", announced, 1300 * ms, 2300 * ms},
		{"what others wait for does so for a fifth of the interval", a.Urgent, 1301 * ms, 1304 * ms},
		{"and is not put off by a change", a.Changed, 1302 * ms, 1304 * ms},
		{"announced", announced, 1304 * ms, 2304 * ms},
		{"a change", a.Changed, 1305 * ms, 1324 * ms},
		{"does not put off what others wait for", a.Urgent, 1310 * ms, 1310 * ms},
	} {
		step.do(step.now)
		if got := a.Next(); got != step.next {
			t.Errorf("%s: next at %v, want %v", step.what, got, step.next)
		}
	}
}

func TestInterval(t *testing.T) {
	for serviceTime, want := range map[time.Duration]time.Duration{
		0: 20 * ms, 1: 5 * ms, 10 * ms: 5 * ms, 30 * ms: 15 * ms, time.Second: 200 * ms, time.Hour: 200 * ms,
	} {
		if got := Interval(serviceTime); got != want {
			t.Errorf("with tasks of %v: %v, want %v", serviceTime, got, want)
		}
	}
}

// Whatever changes when, an announcement follows within an interval of the
// change or of the one before, two are an interval apart, and none is further
// off than the heartbeat.
func TestAnnouncerBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Announcer{Interval: 20 * ms, Heartbeat: 100 * ms}
		now, last := time.Duration(0), time.Duration(0)
		a.Announced(0, true)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * ms
			for a.Next() <= now {
				if at := a.Next(); at < last+a.Interval || at > last+a.Heartbeat {
					t.Fatalf("announced at %v after %v", at, last)
				}
				last = a.Next()
				a.Announced(last, true)
			}
			if rapid.Bool().Draw(t, "changed") {
				a.Changed(now)
				if due := max(now, last+a.Interval); a.Next() > due {
					t.Fatalf("changed at %v, last announced at %v, next at %v", now, last, a.Next())
				}
			}
		}
	})
}
