package sim

import (
	"cmp"
	"time"
)

// event is something that happens at a time; of two at one time the one that
// was scheduled first is first.
type event struct {
	at       time.Duration
	sequence uint64
	run      func()
}

// events is a heap as of container/heap, the next event first.
type events []*event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].at, h[j].at), cmp.Compare(h[i].sequence, h[j].sequence)) < 0
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(e any)   { *h = append(*h, e.(*event)) }
func (h *events) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
