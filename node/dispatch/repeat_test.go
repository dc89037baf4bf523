package dispatch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Requests with few ids, answers, errors, losses, clients that come and go, and
// time in any order: each request is answered exactly once and in time, or dropped
// if its client is not there, all repeats of an id that are
// answered with a success within the window get the answer of one task, and what
// is kept stays within its bounds.
func TestRepeatsInAnyOrder(t *testing.T) {
	for seed := range uint64(500) {
		repeats(t, seed)
	}
}

type sentRequest struct {
	id       string
	deadline time.Duration
	answers  int
	gone     bool // its client
}

func repeats(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation, cfg.QueueLimit = "DC1", 1, 5
	cfg.DedupWindow, cfg.DedupBytes = 3*time.Second, 4*repeatOverhead
	cfg.Inspect = func(answer any) (int, mesh.Code) { return 10, answer.(mesh.Code) }
	cfg.Present = func(message any) bool { return !message.(*sentRequest).gone }
	c := New(cfg)
	var now time.Duration
	var sent []*sentRequest
	after := func(fx []Effect) {
		t.Helper()
		for _, e := range fx {
			if e.Do != Reply && e.Do != Refuse && e.Do != Drop {
				continue
			}
			r := e.Task.(*sentRequest)
			if r.answers++; r.answers > 1 || e.Do == Drop && !r.gone || r.deadline > 0 && now > r.deadline {
				t.Fatalf("seed %d: at %v %+v", seed, now, r)
			}
		}
		if err := check(c); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for range 200 {
		worker := WorkerID{Inbox: fmt.Sprint("w", random.IntN(3)), Client: random.Uint64N(3)}
		switch random.IntN(9) {
		case 0, 1, 2:
			r := &sentRequest{id: fmt.Sprint("id", random.IntN(6))}
			q := Request{ID: r.id, Hash: uint64(random.IntN(10) / 9), Message: r}
			if random.IntN(2) == 0 {
				q.Timeout = time.Duration(1+random.IntN(1500)) * time.Millisecond
				r.deadline = now + q.Timeout
			}
			sent = append(sent, r)
			after(c.Request(now, q, nil))
		case 3:
			after(c.Ready(now, Ready{ID: worker, Said: now}, nil))
		case 4, 5:
			for _, w := range c.workers.all {
				if w.attempt.Slot == uint32(random.IntN(3)) && !w.idle() {
					after(c.Done(now, w.attempt, []mesh.Code{0, 0, 400, 500}[random.IntN(4)], nil))
					break
				}
			}
		case 6:
			after(c.Disconnected(now, worker.Client, nil))
		case 7:
			for until := now + time.Duration(random.IntN(1000))*time.Millisecond; now < until; {
				now = min(until, max(now, c.Wake()))
				after(c.Tick(now, nil))
			}
		case 8:
			if len(sent) > 0 {
				r := sent[len(sent)-1-random.IntN(min(len(sent), 8))]
				r.gone = !r.gone
			}
		}
	}
	after(c.Close(now, nil))
	for _, r := range sent {
		if r.answers != 1 {
			t.Fatalf("seed %d: %+v", seed, r)
		}
	}
}
