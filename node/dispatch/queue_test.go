package dispatch

import (
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
				all = append(all[:i], all[i+1:]...)
			} else {
				next := &task{here: rapid.Bool().Draw(t, "here"), arrived: time.Duration(rapid.IntRange(0, 9).Draw(t, "arrived"))}
				q.insert(next)
				i := len(all)
				for i > 0 && all[i-1].arrived > next.arrived {
					i--
				}
				all = append(all[:i], append([]*task{next}, all[i:]...)...)
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
