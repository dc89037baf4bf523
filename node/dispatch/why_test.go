package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

func ready(c *Core) { c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, nil) }

// What is told of a task's way is what the core did with it, with the view it
// had; a task that found an idle worker at once leaves no trace.
func TestDecisions(t *testing.T) {
	c, began := benchmarkCore(), time.Unix(1000, 0)
	ready(c)
	at := 10 * time.Millisecond
	fx := c.Request(at, Request{Message: "at once"}, nil)
	held := fx[0].Attempt
	if told := c.Decisions(began, mesh.Attempt{}); told == nil || len(told) != 0 { // none, which is [] in JSON
		t.Fatalf("told of a task that had no choice: %+v", told)
	}
	if told := c.Decisions(began, held); told == nil || len(told) != 0 {
		t.Fatalf("told of an attempt that nothing is known of: %+v", told)
	}

	// The second one waits, since nobody else is there. It goes to a peer that
	// appears, comes back, and is done here.
	c.Request(at, Request{Message: "waits"}, nil)
	fx = c.PeerCapacity(2*at, mesh.Capacity{Node: "DC2", Incarnation: 2, Sequence: 1, Workers: 3, Idle: 3}, nil)
	away := fx[len(fx)-1]
	if away.Do != Delegate {
		t.Fatalf("not delegated: %+v", fx)
	}
	c.PeerCapacity(3*at, mesh.Capacity{Node: "DC2", Incarnation: 2, Sequence: 2, Workers: 3, Received: 1}, nil)
	c.Returned(3*at, away.Attempt, 0, nil)
	fx = c.Done(4*at, held, "answer", nil)
	here := fx[len(fx)-1]
	if here.Do != Dispatch {
		t.Fatalf("not done here: %+v", fx)
	}
	want := []struct {
		did, to string
		attempt mesh.Attempt
		waiting int
	}{
		{mesh.Queued, "", mesh.Attempt{}, 1},
		{mesh.Delegated, "DC2", away.Attempt, 1},
		{mesh.Queued, "", mesh.Attempt{}, 1},
		{mesh.Dispatched, "w", here.Attempt, 0},
	}
	for _, attempt := range []mesh.Attempt{away.Attempt, here.Attempt, {}} {
		told := c.Decisions(began, attempt)
		if len(told) != len(want) {
			t.Fatalf("told %+v", told)
		}
		for i, w := range want {
			d := told[i]
			if d.Did != w.did || d.To != w.to || d.At != began.Add(time.Duration(i+1)*at) || d.Task != told[0].Task {
				t.Errorf("decision %d: %+v, want %+v", i, d, w)
			}
			if (w.attempt != mesh.Attempt{}) && d.Attempt != w.attempt.String() {
				t.Errorf("decision %d is about attempt %s", i, d.Attempt)
			}
			if w.waiting > 0 && (d.View == nil || d.View.Waiting != w.waiting || d.View.Workers != 1) {
				t.Errorf("decision %d was made on %+v", i, d.View)
			}
		}
		if cs := told[1].Candidates; len(cs) != 1 || cs[0].Peer != "DC2" || !cs[0].Sure || cs[0].Slots != 3 || cs[0].RoundTripMS != 1 {
			t.Errorf("chosen from %+v", cs)
		}
	}

	// Of another task that waits then nothing is told with these, nor of an attempt that
	// nobody has made.
	c.Request(5*at, Request{Message: "another"}, nil)
	if told := c.Decisions(began, here.Attempt); len(told) != len(want) {
		t.Errorf("with another task told %+v", told)
	}
	if told := c.Decisions(began, mesh.Attempt{Incarnation: 9}); len(told) != 0 {
		t.Errorf("told of an attempt of nobody: %+v", told)
	}
}

// A guest that waits is told of by the attempt of its origin.
func TestDecisionsOfGuests(t *testing.T) {
	c := benchmarkCore()
	ready(c)
	c.Request(0, Request{Message: "busy"}, nil)
	a := mesh.Attempt{Incarnation: 9, Slot: 1}
	c.Guest(0, mesh.Delegation{Origin: "DC9", Incarnation: 9, Attempt: a, Patience: time.Hour}, "guest", nil)
	if told := c.Decisions(time.Time{}, a); len(told) != 0 {
		t.Errorf("told of one that went back: %+v", told) // no task has ended yet: the pace is not known
	}
	c.Done(time.Millisecond, c.workers.byInbox["w"].attempt, "answer", nil)
	c.Request(time.Millisecond, Request{Message: "busy"}, nil)
	c.Guest(time.Millisecond, mesh.Delegation{Origin: "DC9", Incarnation: 9, Attempt: a, Patience: time.Hour}, "guest", nil)
	if told := c.Decisions(time.Time{}, a); len(told) != 1 || told[0].Did != mesh.Queued || told[0].Origin != "DC9" {
		t.Errorf("told %+v", told)
	}
}

// The ring holds the last ones, however many there were and however many peers
// there are to choose from, and noting them allocates nothing.
func TestDecisionsAreBounded(t *testing.T) {
	c := benchmarkCore()
	const peers = 3 * maxCandidates
	for i := range peers {
		c.PeerCapacity(0, mesh.Capacity{Node: fmt.Sprintf("P%d", i), Incarnation: 1, Sequence: 1, Workers: 10, ServiceTime: time.Millisecond, Spare: 1e6}, nil)
	}
	var last Effect
	fx, now := make([]Effect, 0, 8), time.Duration(0)
	var message any = "task"
	cycle := func() {
		now += time.Millisecond
		fx = c.Request(now, Request{Message: message}, fx[:0])
		last = fx[0]
		fx = c.Answered(now, last.Attempt, message, fx[:0])
	}
	for range 3 * len(c.decisions.ring) {
		cycle()
	}
	told := c.Decisions(time.Time{}, mesh.Attempt{})
	if len(told) != DefaultConfig().Decisions || told[len(told)-1].Attempt != last.Attempt.String() {
		t.Fatalf("%d are told, the last about %s", len(told), told[len(told)-1].Attempt)
	}
	for i, d := range told {
		if len(d.Candidates) != maxCandidates || i > 0 && d.Task != told[i-1].Task+1 {
			t.Fatalf("decision %d: %+v", i, d)
		}
	}
	if allocs := testing.AllocsPerRun(100, cycle); allocs > 0 {
		t.Errorf("%v allocations for a delegated task", allocs)
	}
	cfg := DefaultConfig()
	cfg.Decisions, cfg.Name, cfg.Incarnation = 0, "DC1", 1
	c = New(cfg)
	c.Request(0, Request{Message: message}, nil)
	if told := c.Decisions(time.Time{}, mesh.Attempt{}); len(told) != 0 {
		t.Errorf("a core that keeps none tells %+v", told)
	}
}
