package forecast

import "time"

// Result is what came of one question. Shares are of the tasks that came after
// the warm-up, rates are of the time in which these came.
type Result struct {
	Policy      string  `json:"policy"`
	WaitMS      Waits   `json:"wait_ms"`     // from the client's request to its answer, less the run
	Utilisation float64 `json:"utilisation"` // busy part of the workers that live
	Delegated   float64 `json:"delegated"`   // share of tasks that were done at a peer
	NACK        float64 `json:"nack"`        // times that a peer gave a task back, a task
	StateMsgs   float64 `json:"state_msgs_per_node_s"`
	ControlMsgs float64 `json:"control_msgs_per_node_s"` // what is neither state nor a task or its answer
	Lost        int     `json:"lost"`                    // tasks that were never done
	Delayed     int     `json:"delayed"`                 // tasks of which a try was lost, with a node or a message

	// Around is about the tasks that were sent within five seconds of a death,
	// before or after; nil if there was none.
	Around *Waits `json:"around_kill_wait_ms,omitempty"`

	// DelayedWaitMS is about the delayed tasks; nil if there was none.
	DelayedWaitMS *Waits `json:"delayed_wait_ms,omitempty"`

	Wait *Histogram `json:"-"`
	Over []Slice    `json:"-"` // time, in equal slices, from the first task to the last
}

// Waits are waits in ms: the mean and quantiles.
type Waits struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

// Slice is the waits of the tasks that were sent in one part of the run.
type Slice struct {
	From time.Duration // since the first task may come
	Wait Histogram
}

func (h *Histogram) waits() Waits {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return Waits{Mean: h.sum / max(1, float64(h.count)) / float64(time.Millisecond), P50: ms(h.Quantile(0.5)), P99: ms(h.Quantile(0.99)), P999: ms(h.Quantile(0.999))}
}

// meter measures a run.
type meter struct {
	first   int  // tasks that are not counted: the warm-up
	open    bool // tasks that count are coming
	from    time.Duration
	workers float64 // alive

	busy      int // workers
	busyTime  float64
	aliveTime float64
	nodeTime  float64
	nodes     int

	state, control, nack, away, counted int

	wait   Histogram
	slices []Slice
	slice  time.Duration
	deaths []time.Duration
	around Histogram

	delayed Histogram
}

const (
	warmUp      = 0.15 // part of the tasks
	sliceCount  = 60
	aroundDeath = 5 * time.Second
)

func newMeter(w *world) meter {
	m := meter{
		first: int(warmUp * float64(w.cfg.Tasks)), from: w.start, slices: make([]Slice, sliceCount),
	}
	m.present(w, w.cfg.Nodes-len(w.cfg.Joins))
	m.slice = max(1, w.cfg.length()/sliceCount)
	for i := range m.slices {
		m.slices[i].From = time.Duration(i) * m.slice
	}
	for _, k := range w.cfg.Kills {
		m.deaths = append(m.deaths, w.start+k.At)
	}
	return m
}

// counts reports whether the task of the given number is measured.
func (m *meter) counts(number int) bool {
	if number == m.first {
		m.open = true
	}
	return number >= m.first
}

// close notes that the last task has come.
func (m *meter) close() { m.open = false }

// pass takes the time that goes by.
func (m *meter) pass(d time.Duration) {
	if m.open {
		m.busyTime += float64(m.busy) * float64(d)
		m.aliveTime += m.workers * float64(d)
		m.nodeTime += float64(m.nodes) * d.Seconds()
	}
}

// present counts so many nodes more, with their workers.
func (m *meter) present(w *world, n int) {
	m.workers += float64(n * w.cfg.Workers)
	m.nodes += n
}

// sentState counts messages of state.
func (m *meter) sentState(n int) {
	if m.open {
		m.state += n
	}
}

// sentControl counts a message of control.
func (m *meter) sentControl() {
	if m.open {
		m.control++
	}
}

func (m *meter) end(t *task, wait time.Duration) {
	i := int((t.began - m.from) / m.slice)
	m.slices[min(i, sliceCount-1)].Wait.add(wait)
	for _, at := range m.deaths {
		if d := t.began - at; -aroundDeath <= d && d <= aroundDeath {
			m.around.add(wait)
			break
		}
	}
	if t.delayed {
		m.delayed.add(wait)
	}
	if !t.counts {
		return
	}
	m.counted++
	m.wait.add(wait)
	if t.away {
		m.away++
	}
}

func (m *meter) result(w *world) Result {
	share := func(n int) float64 { return float64(n) / max(1, float64(m.counted)) }
	r := Result{
		Policy: w.cfg.Policy, WaitMS: m.wait.waits(),
		Utilisation: m.busyTime / max(1, m.aliveTime),
		Delegated:   share(m.away), NACK: share(m.nack),
		StateMsgs: float64(m.state) / max(1e-9, m.nodeTime), ControlMsgs: float64(m.control) / max(1e-9, m.nodeTime),
		Lost: w.submitted - w.places[done], Delayed: int(m.delayed.Count()),
		Wait: &m.wait, Over: m.slices,
	}
	if r.Delayed > 0 {
		delayed := m.delayed.waits()
		r.DelayedWaitMS = &delayed
	}
	if len(m.deaths) > 0 {
		around := m.around.waits()
		r.Around = &around
	}
	return r
}
