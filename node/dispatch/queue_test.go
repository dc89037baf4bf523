package dispatch

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/brokermesh/brokermesh/mesh"
)

// A queue is as a plain list of the tasks would be.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var all []*task // by age, those that are as old in the order of their coming
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if len(all) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				q.remove(all[i])
				all = slices.Delete(all, i, i+1)
			} else {
				next := &task{here: rapid.Bool().Draw(t, "here"), arrived: time.Duration(rapid.IntRange(0, 9).Draw(t, "arrived"))}
				q.insert(next)
				i := len(all)
				for i > 0 && all[i-1].arrived > next.arrived {
					i--
				}
				all = slices.Insert(all, i, next)
			}
			var first, oldest, youngest *task
			for _, t := range all {
				if first == nil || t.arrived == first.arrived && t.here && !first.here {
					first = t
				}
				if !t.here && oldest == nil {
					oldest = t
				}
				if !t.here {
					youngest = t
				}
			}
			if q.n != len(all) || q.oldest() != first || q.leaves(mesh.Route{}) != oldest || q.leaves(mesh.Route{Youngest: true}) != youngest {
				t.Fatalf("of %d: %+v, %+v, %+v; %d: %+v, %+v, %+v", len(all), first, oldest, youngest, q.n, q.oldest(), q.leaves(mesh.Route{}), q.leaves(mesh.Route{Youngest: true}))
			}
		}
	})
}

// When the workers hang, the oldest go to peers, however many wait: the first of
// them when none was started for twice the time of a task and the way.
func TestOldestGoWhenWorkersHang(t *testing.T) {
	const step = 2 * time.Millisecond // a round trip, too
	for _, queued := range []int{300, 2500} {
		c := benchmarkCore()
		c.peers.RoundTrip = step
		now, fx := time.Duration(0), []Effect(nil)
		for i := range 10 {
			c.Ready(now, Ready{ID: WorkerID{Inbox: "w" + strconv.Itoa(i), Client: 1}}, nil)
		}
		for range 100 { // tasks of 10 ms
			for range 10 {
				fx = c.Request(now, Request{Message: ""}, fx)
			}
			now += 10 * time.Millisecond
			for _, e := range fx {
				if e.Do == Dispatch {
					c.Done(now, e.Attempt, "", nil)
				}
			}
			fx = fx[:0]
		}
		hang := now
		for i := range queued {
			c.Request(now, Request{Message: "old " + strconv.Itoa(i)}, nil)
		}
		var went []string
		var first time.Duration
		capacity := mesh.Capacity{Node: "P", Incarnation: 1, Workers: 100, Received: 1 << 40}
		for capacity.Sequence < 200 { // a slot at the peer each time, and a new task
			now += step
			capacity.Sequence++
			capacity.Idle = 1
			fx = c.PeerCapacity(now, capacity, fx[:0])
			fx = c.Request(now, Request{Message: "new"}, fx)
			capacity.Sequence++
			capacity.Idle = 0
			c.PeerCapacity(now, capacity, nil)
			for _, e := range fx {
				if e.Do == Delegate {
					if went = append(went, e.Task.(string)); first == 0 && e.Task == "old 10" { // ten hang
						first = now - hang
					}
					c.Answered(now, e.Attempt, "", nil)
				}
			}
		}
		if most := 2*(step+10*time.Millisecond) + 2*step; first == 0 || first > most {
			t.Errorf("of %d queued, the oldest goes after %v, want %v at most: %q", queued, first, most, went[:min(len(went), 20)])
		}
		old := 0
		for _, name := range went {
			if name != "new" {
				old++
			}
		}
		if old < len(went)/2 || old < 50 {
			t.Errorf("of %d that went, %d were old", len(went), old)
		}
	}
}

// The task of a client that cannot be back is dropped when its turn comes; one that
// can is set aside.
func TestGoneForGood(t *testing.T) {
	for _, final := range []bool{false, true} {
		cfg := DefaultConfig()
		cfg.Name, cfg.Incarnation = "DC1", 1
		cfg.Present = func(message any) bool { return message == "here" }
		cfg.Gone = func(message any) bool { return message == "gone" && final }
		c := New(cfg)
		c.Request(0, Request{Message: "gone"}, nil)
		c.Request(0, Request{Message: "gone", ID: "leader"}, nil)
		c.Request(0, Request{Message: "gone", ID: "leader"}, nil)
		c.Request(0, Request{Message: "gone", ID: "joined"}, nil)
		c.Request(0, Request{Message: "away", ID: "joined"}, nil)
		c.Request(0, Request{Message: "here"}, nil)
		fx := c.Ready(time.Second, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, nil)
		dropped, dispatched := 0, 0
		for _, e := range fx {
			switch {
			case e.Do == Drop && e.Task == "gone":
				dropped++
			case e.Do == Dispatch && e.Task == "here":
				dispatched++
			default:
				t.Errorf("%+v", e)
			}
		}
		if want := map[bool]int{true: 3}[final]; dropped != want || dispatched != 1 || c.Stats().Dropped != uint64(want) {
			t.Errorf("final %t: %d dropped, want %d, %d dispatched", final, dropped, want, dispatched)
		}
		if err := check(c); err != nil {
			t.Error(err)
		}
	}
}
