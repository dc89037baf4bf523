package forecast

import "time"

// event is something that happens at a time; of two at one time the one that
// was scheduled first is first. It holds no pointer, so the many of them are
// nothing to the garbage collector.
type event struct {
	at    time.Duration
	order uint64
	node  int32
	ref   int32 // a task, message ...: what the kind says
	kind  kind
}

// kind says what an event is.
type kind uint8

const (
	arrive kind = iota // tasks of the node's clients
	die                // the node
	join               // the node
	submit             // again, the task ref, if it is in the try that stands in the place of the node

	// The other kinds are the policies' own.
	finish  // the run ref
	arrived // the message ref at its node
	bounced // the message ref: back at its sender, nobody was there
	hear    // the report ref, by the neighbours of the node
	tick    // the node has something to do
	follow  // the node, by the node ref, from now on
	unfollow
)

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// events is a heap of four branches, which has half the levels of a binary one;
// the next event is first.
type events struct {
	list  []event
	count uint64
}

func (h *events) push(e event) {
	h.count++
	e.order = h.count
	h.list = append(h.list, e)
	l := h.list
	i := len(l) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&l[parent]) {
			break
		}
		l[i] = l[parent]
		i = parent
	}
	l[i] = e
}

func (h *events) pop() event {
	l := h.list
	next, last := l[0], len(l)-1
	e := l[last]
	l = l[:last]
	h.list = l
	if last == 0 {
		return next
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= last {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, last); c++ {
			if l[c].before(&l[least]) {
				least = c
			}
		}
		if !l[least].before(&e) {
			break
		}
		l[i] = l[least]
		i = least
	}
	l[i] = e
	return next
}
