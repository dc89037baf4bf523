package mesh

import (
	"testing"
	"time"
)

// fail has a peer fail so many tasks, and returns until when it is aside.
func fail(ps *Peers, now time.Duration, p *Peer, times int) (until time.Duration) {
	for range times {
		until = ps.Judge(now, p, "", true, true)
	}
	return until
}

// A peer is put aside for a streak of failures, for a second and twice as long each time
// that it fails then, up to ten.
func TestJudge(t *testing.T) {
	ps := peersWith(Load{Workers: 3, Idle: 3})
	p := ps.Find("a")
	if fail(ps, 0, p, asideStreak-1) != 0 || ps.Judge(0, p, "", true, false) != 0 || fail(ps, 0, p, asideStreak-1) != 0 {
		t.Error("put aside for failures that are not in a row")
	}
	now := time.Duration(0)
	for _, pause := range []time.Duration{1, 2, 4, 8, 10, 10} {
		pause *= time.Second
		if until := fail(ps, now, p, 1); until != now+pause || p.Free("") != 0 {
			t.Errorf("at %v: aside until %v with %d free, want a pause of %v", now, until, p.Free(""), pause)
		}
		if fail(ps, now, p, 1) != 0 { // one that was sent before
			t.Error("put aside twice")
		}
		if some, next := ps.TryAgain(now + pause - 1); some || next != now+pause {
			t.Errorf("tried before %v: %v, next %v", now+pause, some, next)
		}
		now += pause
		if some, next := ps.TryAgain(now); !some || next != never || p.Free("") != 1 {
			t.Errorf("at %v: tried %v with %d free, next %v", now, some, p.Free(""), next)
		}
	}
	if ps.Judge(now, p, "", true, false); p.Free("") != 3 {
		t.Errorf("after a success %d are free", p.Free(""))
	}
	if ps.Judge(now, p, "nobody's", true, true) != 0 || len(p.loads) != 1 {
		t.Error("a service that it never told of is noted")
	}
}

// Each is tried when its own time has come, or all at once if they may be what is left.
func TestTryAgain(t *testing.T) {
	for _, recalled := range []bool{false, true} {
		ps := peersWith(Load{Workers: 1, Idle: 1}, Load{Workers: 1, Idle: 1}, Load{Workers: 1, Idle: 1})
		a, b := ps.Find("a"), ps.Find("b")
		first, second := fail(ps, 0, a, asideStreak), fail(ps, 500*ms, b, asideStreak)
		if first != time.Second || second != 1500*ms {
			t.Fatalf("aside until %v and %v", first, second)
		}
		if some, n := ps.TryAgain(0); some || n != first {
			t.Errorf("at once: %v, next %v", some, n)
		}
		at, left, next := first, 0, second
		if recalled {
			at, left, next = 600*ms, 1, never
			ps.Recall(at)
		}
		if some, n := ps.TryAgain(at); !some || n != next || a.Free("") != 1 || b.Free("") != left {
			t.Errorf("recalled %v: %v, next %v, %d and %d free", recalled, some, n, a.Free(""), b.Free(""))
		}
	}
}

// At most half of the places that serve are aside, home being one if it does.
func TestHalfAreSpared(t *testing.T) {
	serving := Load{Workers: 1, Idle: 1}
	for _, c := range []struct {
		what  string
		loads []Load
		home  bool
		gone  string // of a, b, c
		aside int    // of those that fail: all
	}{
		{"the only place", []Load{serving}, false, "", 0},
		{"one, and home", []Load{serving}, true, "", 1},
		{"two", []Load{serving, serving}, false, "", 1},
		{"two, and home", []Load{serving, serving}, true, "", 1},
		{"three, and home", []Load{serving, serving, serving}, true, "", 2},
		{"two, one of which has no worker", []Load{serving, {}}, false, "", 0},
		{"two, one of which is not reached", []Load{serving, serving}, false, "b", 0},
	} {
		ps, aside := peersWith(c.loads...), 0
		if c.gone != "" {
			ps.Find(c.gone).Unreachable(0)
		}
		for _, p := range ps.All() {
			for range asideStreak {
				if p.Name != c.gone && ps.Judge(0, p, "", c.home, true) > 0 {
					aside++
				}
			}
		}
		if aside != c.aside {
			t.Errorf("%s: %d are put aside, want %d", c.what, aside, c.aside)
		}
	}
}
