package dispatch

import (
	"slices"
	"testing"
	"time"
)

// No input leads to a stall, so this one is made by hand: a task is put into the
// queue behind the core's back.
func TestStall(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation, cfg.QueueTimeout = "DC1", 1, time.Hour
	c := New(cfg)
	c.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}, Service: "a"}, nil)
	c.Ready(0, Ready{ID: WorkerID{Inbox: "v", Client: 1}, Service: "b"}, nil)
	now := time.Duration(0)
	until := func(end time.Duration, stalls uint64, services ...string) {
		t.Helper()
		for ; now < end; now = min(end, max(now+1, c.Wake())) {
			c.Tick(now, nil)
		}
		if got := c.Stalled(); c.Stats().Stalls != stalls || !slices.Equal(got, services) {
			t.Errorf("at %v: %d stalls, %q; want %d, %q", now, c.Stats().Stalls, got, stalls, services)
		}
	}
	until(10*time.Second, 0)

	hidden := c.admit(now, Request{Service: "a", Message: "t"})
	c.enqueue(now, hidden)
	until(11*time.Second, 0)
	until(13*time.Second, 1, "a")
	until(30*time.Second, 1, "a") // once

	var fx []Effect
	if fx = c.Ready(now, Ready{ID: WorkerID{Inbox: "w2", Client: 1}, Service: "a"}, nil); len(fx) != 1 || fx[0].Do != Dispatch {
		t.Fatalf("the next input of the service does not end it: %+v", fx)
	}
	until(32*time.Second, 1)

	again := c.admit(now, Request{Service: "b", Message: "t"})
	c.enqueue(now, again)
	until(35*time.Second, 2, "b")
	c.Done(now, fx[0].Attempt, "done", nil)
	until(40*time.Second, 2, "b")
	if err := check(c); err == nil {
		t.Error("this state is allowed, so it is no test")
	}
}

// A worker that is aside, and a task whose client is absent, are no stall.
func TestNoStall(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation = "DC1", 1
	cfg.Present = func(any) bool { return false }
	c := New(cfg)
	c.Request(0, Request{Message: "t"}, nil)
	c.Ready(time.Millisecond, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, nil)
	for now := time.Duration(0); now < 4*time.Second; now = max(now+1, c.Wake()) {
		c.Tick(now, nil)
	}
	if c.tasks.all[0].place != absent || c.Stats().Stalls > 0 {
		t.Errorf("the task is at place %d; %d stalls", c.tasks.all[0].place, c.Stats().Stalls)
	}
}
