package forecast

import (
	"slices"
	"time"
)

// orphan has the clients of a node that died ask another one, as soon as they
// notice, and the others whose tasks it had ask again when their patience is at
// its end.
func (w *world) orphan(node int32, patience time.Duration) {
	w.all(func(t *task) {
		switch node {
		case t.origin:
			w.again(t, w.cfg.Delay)
		case t.at:
			w.again(t, patience)
		}
	})
}

func contains(list []int32, node int32) bool { return slices.Contains(list, node) }

func without(list []int32, node int32) []int32 {
	return slices.DeleteFunc(list, func(n int32) bool { return n == node })
}
