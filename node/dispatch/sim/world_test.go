package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

var seed = flag.Uint64("seed", 0, "run the world of this seed only, with its whole log")

// report ends a test with the world's last words, and how to see it again.
func report(t testing.TB, w *World, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("seed %d: %v\n%s\nagain: go test ./node/dispatch/sim -run TestWorlds -seed %d -v", w.opt.Seed, err, w.Log(), w.opt.Seed)
	}
}

// try plays a troubled world, without a log; one that goes wrong it plays again
// with one.
func try(t testing.TB, s settings) *chaos {
	t.Helper()
	c := troubled(s, 0)
	if err := c.play(); err != nil {
		c = troubled(s, 80)
		again := c.play()
		if again == nil || again.Error() != err.Error() {
			t.Errorf("seed %d: %v; the second time: %v", s.Seed, err, again)
		}
		report(t, c.World, again)
	}
	return c
}

// worlds is how many troubled worlds TestWorlds makes.
func worlds() uint64 {
	switch {
	case testing.Short():
		return 50
	case race:
		return 80
	}
	return 300
}

func TestWorlds(t *testing.T) {
	if *seed > 0 {
		c := troubled(settingsOf(*seed), 1<<20)
		err := c.play()
		report(t, c.World, err)
		t.Log("\n" + c.Log())
		return
	}
	var events uint64
	var total dispatch.Stats
	for s := range worlds() {
		c := try(t, settingsOf(s+1))
		events += c.Events()
		for _, n := range c.Nodes() {
			total = sum(total, n.Core().Stats())
		}
	}
	t.Logf("%d worlds, %d events; the nodes' last runs: %+v", worlds(), events, total)
	if total.DoneAway == 0 || total.Returned == 0 || total.Undelivered == 0 || total.Fenced == 0 || total.Lost == 0 || total.Dropped == 0 {
		t.Error("these worlds are too kind")
	}
}

func sum(a, b dispatch.Stats) dispatch.Stats {
	a.Requests += b.Requests
	a.Answered += b.Answered
	a.Refused += b.Refused
	a.Dropped += b.Dropped
	a.Dispatched += b.Dispatched
	a.Delegated += b.Delegated
	a.Returned += b.Returned
	a.DoneAway += b.DoneAway
	a.Guests += b.Guests
	a.GuestsDone += b.GuestsDone
	a.GuestsBack += b.GuestsBack
	a.Lost += b.Lost
	a.Undelivered += b.Undelivered
	a.Fenced += b.Fenced
	return a
}

func TestSameSeed(t *testing.T) {
	hash := func(s uint64) (uint64, uint64) {
		c := troubled(settingsOf(s), 1)
		report(t, c.World, c.play())
		return c.Hash(), c.Events()
	}
	former := uint64(0)
	for s := uint64(1); s <= 5; s++ {
		h, events := hash(s)
		if h2, events2 := hash(s); h2 != h || events2 != events {
			t.Errorf("seed %d: two runs differ", s)
		}
		if h == former {
			t.Errorf("seeds %d and %d: two seeds give the same world", s-1, s)
		}
		former = h
	}
}

// FuzzWorld turns the settings of a seed's world, each dial one of them.
func FuzzWorld(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), []byte{1, 255, 1, 255, 1, 255, 1, 255, 1, 255, 1, 255, 1, 255, 1, 255, 1})
	f.Add(uint64(3), []byte{4, 0, 200, 3, 90, 20, 0, 1, 2, 3, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200})
	f.Fuzz(func(t *testing.T, seed uint64, dials []byte) {
		s := settingsOf(seed)
		dial := func(set func(part float64)) {
			if len(dials) > 0 {
				if dials[0] > 0 { // 0 leaves it as it is
					set(float64(dials[0]-1) / 254)
				}
				dials = dials[1:]
			}
		}
		span := func(d *Delay, most time.Duration) {
			dial(func(part float64) { *d = Between(0, time.Duration(part*part*float64(most))) })
		}
		much := func(rate *float64, most float64) { dial(func(part float64) { *rate = part * most }) }
		dial(func(part float64) { s.Nodes = 1 + int(part*6) })
		much(&s.Loss, 0.5)
		span(&s.Local, 50*time.Millisecond)
		span(&s.Cloud, 500*time.Millisecond)
		span(&s.Work, time.Second)
		span(&s.Notice, time.Second)
		span(&s.Census, time.Second)
		dial(func(part float64) { s.Lanes = int(part * 4) })
		dial(func(part float64) { s.Config.QueueLimit = int(part * 100) })
		dial(func(part float64) { s.Config.AttemptTimeout = time.Duration(part * float64(2*time.Second)) })
		dial(func(part float64) { s.Config.MaxAttempts = 1 + int(part*5) })
		much(&s.rate, 100)
		for _, rate := range []*float64{&s.faults.cut, &s.faults.leave, &s.faults.vanish, &s.faults.join, &s.faults.ready, &s.faults.kill, &s.faults.drain, &s.faults.part} {
			much(rate, 8)
		}
		s.lasts = min(s.lasts, 4*time.Second)
		try(t, s)
	})
}
