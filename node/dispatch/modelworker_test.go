package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// modelWorker is the model's record of a worker.
type modelWorker struct {
	Ready
	Inbox   string
	order   int          // of being added
	attempt mesh.Attempt // in hand; the zero Attempt: idle
	job     *job         // in hand; nil: idle, or stuck
	started time.Duration
	leaving bool
	again   *Ready

	failures int
	aside    time.Duration // until when; 0: it is not
	told     bool          // that its attempt counts no more
}

func (w *modelWorker) String() string { return w.Inbox }

func (w *modelWorker) idle() bool { return w.attempt == mesh.Attempt{} }

func (m *model) ready(r Ready) {
	w := m.workers[r.ID.Inbox]
	if w != nil {
		switch {
		case w.job != nil && w.ID.Client == r.ID.Client:
			return // it crossed the dispatch
		case w.job != nil:
			w.again = &r
			return
		case w.idle() && w.ID == r.ID && w.Service == r.Service:
			w.Cancel = r.Cancel
			return // it keeps its place
		case (!w.idle() || w.aside > 0) && w.ID == r.ID && r.Said < w.started:
			return // it does not know of the task that it is stuck with, or was put aside for
		}
		m.remove(w)
	}
	m.added++
	w = &modelWorker{Ready: r, Inbox: r.ID.Inbox, order: m.added}
	m.workers[w.Inbox] = w
	m.idle[w.Service] = append(m.idle[w.Service], w)
	m.notAllAside()
}

func (m *model) remove(w *modelWorker) {
	delete(m.workers, w.Inbox)
	m.idle[w.Service] = slices.DeleteFunc(m.idle[w.Service], func(v *modelWorker) bool { return v == w })
	m.aside = slices.DeleteFunc(m.aside, func(v *modelWorker) bool { return v == w })
	m.takeBack(w)
}

// notAllAside has a worker that is aside tried at the next tick, if its service
// has no other.
func (m *model) notAllAside() {
	for i, w := range m.aside {
		first := !slices.ContainsFunc(m.aside[:i], func(v *modelWorker) bool { return v.Service == w.Service })
		if of, aside := m.count(w.Service); first && of == aside {
			w.aside = 1 // at once
		}
	}
}

// count returns how many workers a service has, and how many of them are aside.
func (m *model) count(service string) (of, aside int) {
	for _, w := range m.workers {
		if w.Service == service {
			of++
			if slices.Contains(m.aside, w) {
				aside++
			}
		}
	}
	return of, aside
}

// judge puts a worker aside that has failed too often, half of its service's at
// most.
func (m *model) judge(now time.Duration, w *modelWorker, failed bool) (putAside bool) {
	if !failed {
		w.failures = 0
		return false
	}
	w.failures++
	of, aside := m.count(w.Service)
	if w.failures < 5 || 2*(aside+1) > of {
		return false
	}
	w.aside = now + min(time.Second<<min(w.failures-5, 20), time.Minute)
	m.aside = append(m.aside, w)
	return true
}

// takeBack takes the job from a worker.
func (m *model) takeBack(w *modelWorker) {
	if w.job != nil {
		w.job.with, w.job = nil, nil
	}
}

func (m *model) leave(inbox string) bool {
	w := m.workers[inbox]
	switch {
	case w == nil:
		return false
	case w.job == nil:
		m.remove(w)
		m.notAllAside()
	default:
		w.leaving, w.again = true, nil
	}
	return true
}

// holding returns the worker that has the attempt in hand.
func (m *model) holding(a mesh.Attempt) *modelWorker {
	for _, w := range m.workers {
		if !w.idle() && w.attempt == a {
			return w
		}
	}
	return nil
}

func (m *model) done(now time.Duration, a mesh.Attempt) {
	w := m.holding(a)
	if w == nil {
		return
	}
	m.answer = w.job
	_, code := m.cfg.Inspect(answerOf(a))
	if w.job != nil && w.again == nil && !w.leaving && m.judge(now, w, code == mesh.CodeFailed) {
		m.takeBack(w)
		w.attempt = mesh.Attempt{}
		return
	}
	m.takeBack(w)
	switch {
	case w.again != nil:
		m.ready(*w.again)
	case w.leaving:
		m.remove(w)
		m.notAllAside()
	default:
		w.attempt, w.told = mesh.Attempt{}, false
		m.idle[w.Service] = append(m.idle[w.Service], w)
	}
}

// cancel: a worker that wants it is told once of an attempt that it has in hand.
func (m *model) cancel(e Effect) {
	w := m.holding(e.Attempt)
	if w == nil || w.Cancel != e.To || w.told {
		m.failf("%v is told that attempt %v counts no more", w, e.Attempt)
		return
	}
	w.told = true
}

func (m *model) undelivered(a mesh.Attempt) {
	if w := m.holding(a); w != nil {
		m.remove(w)
		m.notAllAside()
		if w.again != nil {
			m.ready(*w.again)
		}
	}
}

// disconnect removes the workers of a client. Those that are back under another
// come in the reverse order of being added: they are equally long idle, so any
// order would do, but it has to be the same as the core's.
func (m *model) disconnect(client uint64) {
	var gone []*modelWorker
	for _, w := range m.workers {
		if w.again != nil && w.again.ID.Client == client {
			w.again = nil
		}
		if w.ID.Client == client {
			gone = append(gone, w)
		}
	}
	slices.SortFunc(gone, func(a, b *modelWorker) int { return cmp.Compare(b.order, a.order) })
	for _, w := range gone {
		m.remove(w)
	}
	m.notAllAside()
	for _, w := range gone {
		if w.again != nil {
			m.ready(*w.again)
		}
	}
}

// ending removes those of a client's workers that have no job; the others get
// none any more.
func (m *model) ending(client uint64) {
	for _, w := range m.workers {
		if w.again != nil && w.again.ID.Client == client {
			w.again = nil
		}
		switch {
		case w.ID.Client != client:
		case w.job == nil:
			m.remove(w)
		default:
			w.leaving = true
		}
	}
	m.notAllAside()
}

func (m *model) allDisconnected() {
	for _, w := range m.workers {
		m.remove(w)
	}
}

// tick lets workers try again that are aside, and takes jobs back from workers that had them for too long. One whose
// deadline passed as well has its end among the effects.
func (m *model) tick(now time.Duration) {
	m.cameBack = true
	m.aside = slices.DeleteFunc(m.aside, func(w *modelWorker) bool {
		if w.aside > now {
			return false
		}
		w.aside = 0
		m.idle[w.Service] = append(m.idle[w.Service], w)
		return true
	})
	for _, w := range m.workers {
		if j := w.job; j != nil && m.cfg.AttemptTimeout > 0 && w.started+m.cfg.AttemptTimeout <= now && (j.deadline == 0 || j.deadline > now) {
			m.takeBack(w)
		}
	}
}
