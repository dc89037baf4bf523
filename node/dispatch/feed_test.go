package dispatch

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// A peer's word that it has idle workers is used for all that wait, also if a
// service is forgotten meanwhile: its only task belongs to a client that has gone.
func TestNoServiceIsPassedOver(t *testing.T) {
	left := false
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation = "DC1", 1
	cfg.Present = func(task any) bool { return !left || task != "of one who left" }
	cfg.Gone = func(task any) bool { return !cfg.Present(task) }
	c := New(cfg)
	c.Request(1, Request{Message: "of one who left", Service: "a"}, nil)
	c.Request(1, Request{Message: "other", Service: "b"}, nil)
	left = true
	fx := c.PeerState(2, 2, mesh.State{Version: 1, Name: "DC2", Incarnation: "2", Sequence: 1, Services: []mesh.Load{
		{Service: "a", Workers: 1, Idle: 1}, {Service: "b", Workers: 1, Idle: 1},
	}}, nil)
	for _, e := range c.Tick(time.Millisecond, fx) {
		if e.Do == Delegate && e.Task == "other" {
			return
		}
	}
	t.Error("the other task waits, and the peer is idle")
}
