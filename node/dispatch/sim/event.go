package sim

import "time"

// event is something that happens at a time; of two at one time the one that
// was scheduled first is first.
type event struct {
	at       time.Duration
	sequence uint64
	run      func()
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.sequence < f.sequence
}

// events is a binary heap, the next event first.
type events []event

func (h *events) push(e event) {
	*h = append(*h, e)
	l := *h
	for i := len(l) - 1; i > 0; {
		parent := (i - 1) / 2
		if !l[i].before(&l[parent]) {
			return
		}
		l[i], l[parent] = l[parent], l[i]
		i = parent
	}
}

func (h *events) pop() event {
	l := *h
	next, last := l[0], len(l)-1
	l[0], l[last] = l[last], event{}
	l = l[:last]
	*h = l
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if l[child].before(&l[least]) {
				least = child
			}
		}
		if least == i {
			return next
		}
		l[i], l[least] = l[least], l[i]
		i = least
	}
}
