package forecast

// fifo is a queue of tasks, from which those drop out that are tried elsewhere
// meanwhile. The zero value is empty.
type fifo struct {
	list []queued
	head int
}

type queued struct {
	task *task
	try  uint32
}

func (q *fifo) push(t *task) { q.list = append(q.list, queued{t, t.try}) }

// any reports whether there is a task to pop.
func (q *fifo) any() bool {
	for ; q.head < len(q.list); q.head++ {
		if e := q.list[q.head]; e.task.try == e.try {
			return true
		}
	}
	q.list, q.head = q.list[:0], 0
	return false
}

// pop returns the first task. There must be one.
func (q *fifo) pop() *task {
	t := q.list[q.head].task
	if q.head++; q.head > 64 && 2*q.head > len(q.list) {
		q.list, q.head = q.list[:copy(q.list, q.list[q.head:])], 0
	}
	return t
}
