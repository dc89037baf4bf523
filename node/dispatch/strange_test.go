package dispatch

import (
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
)

// A peer names its own attempts, and can name one like a task's slot here. What it says of
// such a one, as if it were a delegation of this node, hits nothing; nor does the zero
// Attempt, which is that of a slot that is free.
func TestStrangeAttempts(t *testing.T) {
	c := benchmarkCore()
	ready(c)
	fx := c.Request(0, Request{Message: "done"}, nil)
	c.Done(0, fx[0].Attempt, "answer", nil)
	for _, a := range []mesh.Attempt{{}, {Generation: 1}} {
		if a.Generation > 0 {
			c.Guest(0, mesh.Delegation{Origin: "DC2", Incarnation: 2, Attempt: a}, "guest", nil)
		}
		before := c.Stats().Fenced
		fx = c.Answered(0, a, "strange", nil)
		fx = c.Returned(0, a, 0, fx)
		fx = c.Unreachable(0, a, fx)
		fx = c.TooLarge(0, a, fx)
		fx = c.Missing(0, "DC2", []mesh.Attempt{a}, fx)
		if err := check(c); err != nil || len(fx) > 0 || c.Stats().Fenced != before+1 {
			t.Errorf("of %+v: %v, %+v, %d fenced", a, err, fx, c.Stats().Fenced-before)
		}
	}
	if len(c.guests) != 1 {
		t.Errorf("%d guests", len(c.guests))
	}
}
