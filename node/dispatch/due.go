package dispatch

import "time"

// dues orders tasks by the moment something has to be done about them. It is
// a binary heap in which each task knows its index, so that the many tasks
// answered in time leave nothing behind.
type dues []*task

// set gives a task its moment, replacing the one it had; 0 takes it out.
func (d *dues) set(t *task, at time.Duration) {
	switch {
	case at == 0 && t.dueAt == 0:
	case at == 0:
		d.remove(t)
	case t.dueAt == 0:
		t.due = at
		*d = append(*d, t)
		t.dueAt = len(*d)
		d.up(t.dueAt - 1)
	default:
		t.due = at
		d.fix(t.dueAt - 1)
	}
}

func (d *dues) remove(t *task) {
	h, i, last := *d, t.dueAt-1, len(*d)-1
	d.swap(i, last)
	h[last] = nil
	*d = h[:last]
	t.dueAt = 0
	if i < last {
		d.fix(i)
	}
}

func (d *dues) fix(i int) {
	d.up(i)
	d.down(i)
}

func (d *dues) up(i int) {
	h := *d
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= h[i].due {
			return
		}
		d.swap(parent, i)
		i = parent
	}
}

func (d *dues) down(i int) {
	h := *d
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].due < h[least].due {
				least = child
			}
		}
		if least == i {
			return
		}
		d.swap(least, i)
		i = least
	}
}

func (d *dues) swap(i, j int) {
	h := *d
	h[i], h[j] = h[j], h[i]
	h[i].dueAt, h[j].dueAt = i+1, j+1
}
