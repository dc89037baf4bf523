package mesh

import (
	"testing"
	"time"
)

// roundTrip makes it known how far a peer is.
func roundTrip(p *Peer, microseconds int) {
	p.Asked(0)
	p.Told(time.Duration(microseconds) * time.Microsecond)
}

// The node and its near peer are taken for one: what waits for their workers goes to
// a distant peer only beyond what these do in the time of the way, though that peer
// is idle and home alone would give up more.
func TestDistant(t *testing.T) {
	for _, c := range []struct {
		what string
		near Load // besides 10 workers, and a long queue
		most int  // of the tasks waiting at home, that all stay
	}{
		// Twenty workers, 2,000 tasks a second, half of them spare: 28, less what waits near by.
		{"a near peer", Load{Excess: 3, ServiceMS: 10, Spare: 500}, 25},
		{"whose work is not for others", Load{ServiceMS: 10, Spare: 500}, 28},
		{"that others use", Load{ServiceMS: 10, Spare: 500, Demand: 500}, 20},
		{"that others use up", Load{ServiceMS: 10, Spare: 500, Demand: 50000}, 20},
		{"as full as it can be", Load{ServiceMS: 10}, 14},         // a quarter of the capacity is spare, that of home; alone it keeps 13
		{"slower than home", Load{ServiceMS: 40, Spare: 125}, 16}, // 1,250 a second: a task takes 16 ms
		{"of unknown speed", Load{}, 13},
	} {
		c.near.Workers, c.near.Waiting = 10, 1000
		for _, region := range []string{"", "eu"} {
			ps := peersWith(c.near, Load{Workers: 100, Idle: 100, ServiceMS: 10})
			ps.Region = region
			roundTrip(ps.Find("a"), 200)
			roundTrip(ps.Find("b"), 20_000)
			ps.Find("a").region = region
			ps.Find("b").region = "us"
			h := Home{Workers: 10, ServiceTime: 10 * ms, Arrivals: 500}
			r := Route{Later: true}
			for r.Peer == nil && r.Later {
				h.Waiting, h.Excess = h.Waiting+1, h.Excess+1
				r = ps.Overflow(0, "", h, random(1))
			}
			if r.Peer != ps.Find("b") || h.Waiting != c.most+1 {
				t.Errorf("%s, region %q: of %d waiting %+v, want %d to stay", c.what, region, h.Waiting, r, c.most)
			}
		}
	}
}

func TestNearUntilMeasured(t *testing.T) {
	ps := peersWith(Load{Workers: 10, ServiceMS: 10}, Load{Workers: 1, Idle: 1})
	p := ps.Find("b")
	for _, c := range []struct {
		measured int // in microseconds; 0: not yet
		want     bool
	}{{0, false}, {900, false}, {901, true}} {
		if p.roundTrip = 0; c.measured > 0 {
			roundTrip(p, c.measured)
		}
		if got := ps.distant(p, 200*time.Microsecond); got != c.want {
			t.Errorf("at %d µs: %t", c.measured, got)
		}
	}
}
