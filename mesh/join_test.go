package mesh

import (
	"testing"
	"time"
)

// A long queue behind 3 workers of 10 ms each, a round trip of 2 ms away.
func longQueue() (*Peers, *Peer) {
	ps := peersWith(Load{Workers: 3, Waiting: 10, ServiceMS: 10})
	return ps, ps.Find("a")
}

// join sends what goes to the peer's queue at once, and returns how much that is.
func join(ps *Peers, p *Peer, now time.Duration, h Home) (sent int) {
	for ps.Overflow(now, "", h, random(uint64(sent))).Peer == p && sent < 1000 {
		p.Sent(now, "")
		sent++
	}
	return sent
}

// However much longer the queue at home is, no more goes to another at once than is
// done there in a round trip and the time of a task: the news of it may be wrong.
func TestJoinsAreBounded(t *testing.T) {
	long := Home{Workers: 3, Waiting: 1000, ServiceTime: 10 * ms}
	ps, a := longQueue()
	if n := join(ps, a, 0, long); n != 4 { // less than 3.6 are on the way
		t.Errorf("%d tasks go at once, want 4", n)
	}
	if r := ps.Overflow(0, "", long, random(1)); !r.Later {
		t.Error("the others are not to go later")
	}
	a.Capacity(5*ms, Capacity{Sequence: 2, Workers: 3, Waiting: 14, ServiceTime: 10 * ms, Received: 2})
	if n := join(ps, a, 5*ms, long); n != 2 {
		t.Errorf("%d more go when the peer has told of 2, want 2", n)
	}
	roundTrip(a, 100_000)
	a.Capacity(6*ms, Capacity{Sequence: 3, Workers: 3, Waiting: 16, ServiceTime: 10 * ms, Received: 6})
	if n := join(ps, a, 6*ms, long); n != 33 {
		t.Errorf("%d tasks go at once to who is 100 ms away, want 33", n)
	}
}

// A queue that gave a task back gets none for an eighth of what it would wait at home,
// a second at most, then one; and as before when that has stayed.
func TestQueueThatRefuses(t *testing.T) {
	long := Home{Workers: 3, Waiting: 240, ServiceTime: 10 * ms}
	for _, c := range []struct {
		wait   time.Duration
		anyway bool
		pause  time.Duration
	}{
		{800 * ms, false, 100 * ms}, {time.Hour, false, time.Second}, {0, true, time.Second}, {0, false, 0},
	} {
		ps, a := longQueue()
		number := a.Sent(0, "")
		a.Capacity(2*ms, Capacity{Sequence: 2, Workers: 3, Waiting: 10, ServiceTime: 10 * ms, Received: number})
		a.Answered("", number)
		a.Refused(2*ms, "", c.wait, c.anyway)
		at := 2*ms + c.pause
		if r := ps.Overflow(at-1, "", long, random(1)); c.pause > 0 && (r.Peer != nil || !r.Later) {
			t.Errorf("%+v: before the end of the pause: %+v", c, r)
		}
		if n := join(ps, a, at, long); n != 1 {
			t.Errorf("%+v: %d tasks try the queue, want 1", c, n)
		}
		a.Capacity(at+2*ms, Capacity{Sequence: 3, Workers: 3, Waiting: 11, ServiceTime: 10 * ms, Received: number + 1})
		if n := join(ps, a, at+2*ms, long); n != 4 {
			t.Errorf("%+v: %d tasks go after one has stayed, want 4", c, n)
		}
		ps, a = longQueue()
		a.Refused(0, "", c.wait, c.anyway)
		a.Capacity(0, Capacity{Sequence: 2, Workers: 3, Idle: 3, ServiceTime: 10 * ms})
		if n := join(ps, a, 0, long); n < 3 {
			t.Errorf("%+v: %d tasks go to three idle workers", c, n)
		}
	}
}
