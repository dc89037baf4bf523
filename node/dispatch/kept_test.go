package dispatch

import (
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// What is kept of guests' answers is bounded in number and in bytes: the oldest
// are forgotten, and are missing if they are asked for.
func TestKeptAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ size, guests, kept int }{
		"number": {0, keptMost + 10, keptMost},
		"bytes":  {1<<20 - keptOverhead, 40, keptBytes >> 20},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			core := benchmarkCore()
			core.cfg.Inspect = func(any) (int, mesh.Code) { return c.size, 0 }
			var attempts []mesh.Attempt
			core.Ready(0, Ready{ID: WorkerID{Inbox: "w", Client: 1}}, nil)
			for i := range c.guests {
				d := mesh.Delegation{Origin: "P", Incarnation: 1, Attempt: mesh.Attempt{Incarnation: 1, Random: uint64(i)}}
				attempts = append(attempts, d.Attempt)
				fx := core.Guest(0, d, i, nil)
				core.Done(0, fx[0].Attempt, "done", nil)
			}
			missing, fx := core.NotHeld(0, attempts, nil)
			if len(missing) != c.guests-c.kept || len(fx) != c.kept {
				t.Fatalf("%d are missing and %d are answered again; %d should be kept", len(missing), len(fx), c.kept)
			}
			if first := c.guests - c.kept; missing[0] != attempts[0] || fx[0].Task != first {
				t.Errorf("the first that is missing is %v, the first that is kept %v; want 0 and %d", missing[0], fx[0].Task, first)
			}
			if err := check(core); err != nil {
				t.Error(err)
			}
			core.Tick(keptTime+time.Second, nil)
			if missing, fx = core.NotHeld(0, attempts, nil); len(missing) != c.guests || len(fx) > 0 || core.kept.bytes != 0 {
				t.Errorf("%d answers and %d bytes are kept for longer than %v", len(fx), core.kept.bytes, keptTime)
			}
		})
	}
}
