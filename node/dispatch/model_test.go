package dispatch

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// model is what one can know of a core from the outside: what it was told, and
// the effects it had. It keeps its own record of the workers in plain slices
// and maps (see modelworker_test.go), and finds fault with effects that break a
// guarantee.
type model struct {
	cfg      Config
	draining bool
	closing  bool

	jobs []*job
	open []*job // not ended

	workers map[string]*modelWorker   // by inbox
	idle    map[string][]*modelWorker // by service, least recently used first
	added   int
	aside   []*modelWorker // that get no job for a while, in order of being put aside

	dispatched []mesh.Attempt
	delegated  []mesh.Attempt
	byAttempt  map[mesh.Attempt]*job

	guests map[mesh.Attempt]*job // by the origin's attempt, also when ended

	// Of the input at hand: the job that it answers, those whose answer may be sent
	// again, and whether it may bring tasks back from peers.
	answer   *job
	asking   []*job
	cameBack bool
	asked    bool // it is a request
	waited   int  // tasks that waited before it

	gone [clients]bool // the clients that are not there

	announce    bool // an announcement is to be made
	announced   announced
	announcedAt time.Duration

	fault string
}

// job is one task, seen from outside.
type job struct {
	id       int
	guest    bool
	here     bool
	service  string
	arrived  time.Duration
	deadline time.Duration
	ends     int // how often it was answered or given back
	from     string
	origin   string // of a guest
	run      mesh.Incarnation
	known    bool // its origin was a peer once
	reply    *Effect
	kept     time.Duration // until when, at least
	tried    bool          // it was dispatched or delegated; if not, it waits
	attempt  mesh.Attempt
	with     *modelWorker
	away     bool

	client  int           // who sent it
	asked   time.Duration // when the core last asked whether the client is there; 0: never
	absent  bool          // it was not
	missing time.Duration // since when it was not
}

func (j *job) String() string {
	if j.guest {
		return fmt.Sprintf("g%d", j.id)
	}
	return fmt.Sprintf("t%d", j.id)
}

// size is what a job counts for in the queue.
func (j *job) size() int { return j.id % 7 * 40 }

func newModel(cfg Config) *model {
	return &model{
		cfg: cfg, workers: make(map[string]*modelWorker), idle: make(map[string][]*modelWorker), byAttempt: make(map[mesh.Attempt]*job),
		guests: make(map[mesh.Attempt]*job),
	}
}

func (m *model) failf(format string, args ...any) {
	if m.fault == "" {
		m.fault = fmt.Sprintf(format, args...)
	}
}

func (m *model) take(j *job) *job {
	j.id = len(m.jobs)
	m.jobs, m.open = append(m.jobs, j), append(m.open, j)
	return j
}

func (m *model) request(now time.Duration, r Request) *job {
	m.asked = true
	j := m.take(&job{client: len(m.jobs) % clients, from: r.Client, here: r.Here, service: r.Service, arrived: now})
	if r.Timeout > 0 {
		j.deadline = now + r.Timeout
	}
	return j
}

// guest takes note of a guest; one that is held already does not count again.
func (m *model) guest(now time.Duration, d mesh.Delegation, held bool) *job {
	if held {
		return m.guests[d.Attempt]
	}
	j := &job{guest: true, here: true, service: d.Service, arrived: now - d.Age, origin: d.Origin, run: d.Incarnation}
	if d.Left > 0 {
		j.deadline = now + d.Left
	}
	m.guests[d.Attempt] = j
	return m.take(j)
}

// again notes that the answer to a guest may be sent again.
func (m *model) again(a mesh.Attempt) {
	if j := m.guests[a]; j != nil && j.reply != nil {
		m.asking = append(m.asking, j)
	}
}

// told takes what an origin learns of a guest that it asks about.
func (m *model) told(now time.Duration, j *job, missing, answered bool) {
	held := j != nil && j.ends == 0
	if missing == (held || answered) || held && answered {
		m.failf("%v is held: %v, told to be missing: %v, its answer sent again: %v", j, held, missing, answered)
	}
	if missing && j != nil && j.reply != nil && now < j.kept {
		m.failf("%v was answered, and is missing before %v", j, j.kept)
	}
}

// cloudBack: what is kept may be asked for as long as if it were new.
func (m *model) cloudBack(now time.Duration) {
	for _, j := range m.guests {
		if now < j.kept {
			j.kept = now + keptTime
		}
	}
}

// answered notes that a peer answers the attempt, and whether it still counts.
func (m *model) answered(counts bool, a mesh.Attempt) {
	if counts {
		m.answer = m.byAttempt[a]
	}
}

// effects takes what the core wants done.
func (m *model) effects(now time.Duration, fx []Effect) {
	for _, e := range fx {
		switch e.Do {
		case Dispatch:
			m.dispatch(now, e)
		case Delegate:
			m.delegate(now, e)
		case Cancel:
			m.cancel(e)
		case Reply, Refuse, Return, Drop:
			m.end(now, e)
		case Ask:
			for _, a := range e.Attempts {
				if j := m.byAttempt[a]; j == nil || !j.away || j.ends > 0 || j.attempt != a {
					m.failf("%s is asked about attempt %v, which it does not have", e.To, a)
				}
			}
		case Announce:
			m.announce = true
		default:
			m.failf("unknown effect %d", e.Do)
		}
	}
}

// dispatch: to an idle worker, the least recently used one (G1, G5).
func (m *model) dispatch(now time.Duration, e Effect) {
	j := m.try(now, e)
	idle := m.idle[j.service]
	if len(idle) == 0 || idle[0].Inbox != e.To {
		m.failf("%v goes to %s; idle are %v", j, e.To, idle)
		return
	}
	w := idle[0]
	m.idle[j.service] = slices.Delete(idle, 0, 1)
	w.attempt, w.job, w.started = e.Attempt, j, now
	j.with = w
	m.dispatched = append(m.dispatched, e.Attempt)
}

// delegate: no guest, and nothing that has to run here (G3).
func (m *model) delegate(now time.Duration, e Effect) {
	j := m.try(now, e)
	if j.guest || j.here {
		m.failf("%v is passed on", j)
	}
	if e.Age != now-j.arrived || e.Service != j.service {
		m.failf("%v is delegated with age %v and service %q", j, e.Age, e.Service)
	}
	j.away = true
	m.delegated = append(m.delegated, e.Attempt)
}

// try notes a new attempt of a job, which must not be anywhere else.
func (m *model) try(now time.Duration, e Effect) *job {
	j := e.Task.(*job)
	switch {
	case j.ends > 0:
		m.failf("%v goes to %s after its end", j, e.To)
	case j.with != nil:
		m.failf("%v goes to %s while %s has it", j, e.To, j.with.Inbox)
	case j.away && !m.cameBack:
		m.failf("%v goes to %s while a peer has it", j, e.To)
	case !j.guest && now > j.arrived && (j.absent || j.asked != now):
		m.failf("%v goes to %s; its client was asked for at %v, absent: %v", j, e.To, j.asked, j.absent)
	case m.byAttempt[e.Attempt] != nil:
		m.failf("%v goes to %s with an attempt that was used before", j, e.To)
	}
	left := time.Duration(0)
	if j.deadline > 0 {
		left = max(j.deadline-now, 1)
	}
	if e.Left != left {
		m.failf("%v has %v left, not %v", j, left, e.Left)
	}
	j.tried, j.away, j.attempt = true, false, e.Attempt
	m.byAttempt[e.Attempt] = j
	return j
}

// end: an answer, a refusal or a return, of which each job has one (G2, G3).
func (m *model) end(now time.Duration, e Effect) {
	j := e.Task.(*job)
	if slices.Contains(m.asking, j) {
		if !reflect.DeepEqual(e, *j.reply) {
			m.failf("%v was answered with %+v, and again with %+v", j, *j.reply, e)
		}
		return
	}
	if j.ends++; j.ends > 1 {
		m.failf("%v ends again: %+v", j, e)
	}
	if e.Guest != j.guest {
		m.failf("%v: the effect says guest: %v", j, e.Guest)
	}
	switch e.Do {
	case Reply:
		if j != m.answer || e.Attempt != j.attempt || e.Answer != answerOf(j.attempt) || (e.Hops > 0) != j.away {
			m.failf("%v is answered with %+v; due is an answer to %v", j, e, m.answer)
		}
		m.answer = nil
		if j.guest {
			j.reply, j.kept = &e, now+keptTime
		}
	case Refuse:
		if j.guest {
			m.failf("%v is refused", j)
		}
		m.reason(now, j, e.Code)
	case Return:
		if !j.guest {
			m.failf("%v is returned to nobody", j)
		}
	case Drop:
		if e.To != j.origin || e.Service != j.service || !j.guest && !m.droppable(now, j) {
			m.failf("%v is dropped, absent: %v since %v, as seen at %v: %+v", j, j.absent, j.missing, j.asked, e)
		}
	}
	if j.with != nil { // it is stuck from now on
		j.with.job, j.with = nil, nil
	}
	j.away = false
}

// present is what the core is told when it asks whether a job's client is there.
func (m *model) present(now time.Duration, j *job) bool {
	if j.guest || j.ends > 0 || j.with != nil {
		m.failf("the client of %v is asked for", j)
	}
	if m.gone[j.client] && !j.absent {
		j.missing = now
	}
	j.asked, j.absent = now, m.gone[j.client]
	return !j.absent
}

// droppable: a job that waits, and whose client has been absent for as long as is
// allowed.
func (m *model) droppable(now time.Duration, j *job) bool {
	return j.with == nil && j.absent && j.asked == now && (now >= j.missing+5*time.Second || j.deadline > 0 && now >= j.deadline)
}

// reason holds an error's code against what is known of the task.
func (m *model) reason(now time.Duration, j *job, code mesh.Code) {
	var ok bool
	switch code {
	case mesh.CodeDeadline:
		ok = j.deadline > 0 && j.deadline <= now
	case mesh.CodeQueueFull:
		ok = !j.tried && j.arrived == now && m.crowded(j)
	case mesh.CodeFailed:
		ok = j.tried
	case mesh.CodeNoService, mesh.CodeUnavailable:
		ok = j.with == nil || m.closing
	}
	if !ok {
		m.failf("%v is refused with %d at %v", j, code, now)
	}
}

// crowded reports whether there is no room for a job of its client.
func (m *model) crowded(j *job) bool {
	left, bytesLeft := m.cfg.QueueLimit, m.cfg.QueueBytes
	n, bytes := 0, 0 // of its client
	for _, k := range m.open {
		if k != j && k.ends == 0 && k.with == nil && !k.away {
			left, bytesLeft = left-1, bytesLeft-k.size()
			if k.from == j.from {
				n, bytes = n+1, bytes+k.size()
			}
		}
	}
	return left <= 0 || bytesLeft <= 0 || n >= 8*left || bytes >= 8*bytesLeft
}

// orphans holds what became of guests against which peers there are: those of
// one that is gone are dropped, and no others.
func (m *model) orphans(fx []Effect, lives func(name string, run mesh.Incarnation) bool) {
	for _, e := range fx {
		if j, ok := e.Task.(*job); ok && e.Do == Drop && j.guest && lives(j.origin, j.run) {
			m.failf("%v is dropped, and its origin lives", j)
		}
	}
	for _, j := range m.open {
		if j.guest && j.ends == 0 {
			known := lives(j.origin, j.run)
			if j.known && !known {
				m.failf("%v is here, and its origin is gone", j)
			}
			j.known = known
		}
	}
}

// settled looks at the whole after an input.
func (m *model) settled() {
	if m.answer != nil {
		m.failf("%v was done and is not answered", m.answer)
	}
	for _, w := range m.workers {
		if stuck := !w.idle() && w.job == nil; w.Cancel != "" && stuck != w.told {
			m.failf("%v is stuck: %v, it was told so: %v", w, stuck, w.told)
		}
	}
	m.open = slices.DeleteFunc(m.open, func(j *job) bool { return j.ends > 0 })
	waiting := 0
	for _, j := range m.open {
		if j.with == nil && !j.away {
			waiting++
		}
		if !j.tried {
			if len(m.idle[j.service]) > 0 && !j.absent { // G4
				m.failf("%v waits while %v are idle", j, m.idle[j.service])
			}
		}
	}
	if m.asked && waiting > max(m.waited, m.cfg.QueueLimit) { // G6: beyond it are only tasks that came back
		m.failf("%d tasks wait, %d did; the limit is %d", waiting, m.waited, m.cfg.QueueLimit)
	}
	m.cameBack, m.asked, m.waited, m.asking = false, false, waiting, nil
}
