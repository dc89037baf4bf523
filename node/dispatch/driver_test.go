package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// driver turns bytes into inputs of one core, valid ones and others, and tells
// the model of each what the core was told.
type driver struct {
	tape   *tape
	core   *Core
	cfg    Config
	model  *model
	now    time.Duration
	ending ending
	alone  bool // the link to the cloud plane is down

	sequences map[mesh.Incarnation]uint64
	runs      map[string]uint64 // the incarnation of each peer
	guestN    uint64

	record bool
	lines  []string // if recorded
	fault  string
}

var (
	serviceNames = []string{"", "a", "b"}
	peerNames    = []string{"P1", "P2", "P3"}
	inboxes      = []string{"w0", "w1", "w2", "w3", "w4", "w5"}
)

func newDriver(t *tape) *driver {
	cfg := DefaultConfig()
	cfg.Name, cfg.Incarnation = "DC1", 77
	cfg.QueueLimit = 1 + t.below(8)
	if t.next() >= 200 {
		cfg.QueueLimit *= 6
	}
	cfg.QueueBytes = []int{500, 5000, 1 << 20}[t.below(3)]
	cfg.Size = func(message any) int { return message.(*job).size() }
	cfg.QueueTimeout = time.Duration(1+t.below(5)) * 700 * time.Millisecond
	cfg.AttemptTimeout = []time.Duration{0, 0, 250 * time.Millisecond, 2 * time.Second}[t.below(4)]
	cfg.MaxAttempts = 1 + t.below(4)
	cfg.AnnounceInterval = 20 * time.Millisecond
	cfg.Seed[0] = t.next()
	failing := []uint64{0, 0, 14, 16}[t.below(4)] // of 16 answers
	cfg.Inspect = func(answer any) (size int, code mesh.Code) {
		if answer.(mesh.Attempt).Random%16 < failing {
			code = mesh.CodeFailed
		}
		return 1, code
	}
	d := &driver{
		tape: t, cfg: cfg, model: newModel(cfg), sequences: make(map[mesh.Incarnation]uint64), runs: make(map[string]uint64),
		ending: ending(t.next()&1 == 1),
	}
	cfg.Present = func(message any) bool { return d.model.present(d.now, message.(*job)) }
	d.core = New(cfg)
	return d
}

// failf records the first fault.
func (d *driver) failf(format string, args ...any) {
	if d.fault == "" {
		d.fault = fmt.Sprintf(format, args...)
	}
}

// story returns the last inputs with their effects.
func (d *driver) story() string { return strings.Join(d.lines[max(0, len(d.lines)-60):], "\n") }

func (d *driver) notef(format string, args ...any) {
	if d.record {
		d.lines = append(d.lines, fmt.Sprintf("%v ", d.now)+fmt.Sprintf(format, args...))
	}
}

// after holds the core against the guarantees, the effects of the last input
// being fx.
func (d *driver) after(fx []Effect) {
	if d.record {
		for _, e := range fx {
			d.lines = append(d.lines, fmt.Sprintf("    %d %v to=%s %d.%d %s", e.Do, e.Task, e.To, e.Attempt.Slot, e.Attempt.Generation, e.Reason))
		}
	}
	m := d.model
	m.effects(d.now, fx)
	for _, e := range fx {
		if d.alone && (e.Do == Delegate || e.Do == Ask) {
			d.failf("sends to %s without a link", e.To)
		}
	}
	if m.announce {
		m.announce, m.announcedAt = false, d.now
		m.announced = announcement(d.core.State(d.now))
	}
	for _, j := range m.open {
		if j.away && d.core.delegated(j.attempt) == nil {
			if j.away = false; !m.cameBack {
				d.failf("%v came back for no reason", j)
			}
		}
	}
	m.orphans(fx, func(name string, run mesh.Incarnation) bool {
		p := d.core.peers.Find(name)
		return p != nil && p.Incarnation == run && !p.Left()
	})
	m.settled()
	for _, j := range m.open {
		if j.absent && d.core.Wake() > j.asked+absentLook {
			d.failf("%v waits for its client, and nobody looks until %v", j, d.core.Wake())
		}
	}
	if m.fault != "" {
		d.failf("%s", m.fault)
	}
	if err := check(d.core); err != nil {
		d.failf("%v", err)
	}
	for _, s := range d.core.services.list {
		if s.aside > 0 && s.aside == s.workers && !slices.ContainsFunc(d.core.aside, func(w *worker) bool { return w.service == s && w.aside <= max(d.now, 1) }) {
			d.failf("all workers of service %q are aside, and none is to be tried", s.name)
		}
	}
	d.checkAnnouncement()
}

// checkAnnouncement: what differs from the last announcement is announced
// within an interval of it, and what is announced is true (G7).
func (d *driver) checkAnnouncement() {
	truth := announcement(truthOf(d.core))
	if got := announcement(d.core.State(d.now)); got != truth {
		d.failf("the state is %v, the truth %v", got, truth)
	}
	due := max(d.now, d.model.announcedAt+d.cfg.AnnounceInterval)
	if d.model.announced != truth && !d.model.closing && d.core.Wake() > due {
		d.failf("announced is %v, the truth is %v, and that is told at %v or later", d.model.announced, truth, d.core.Wake())
	}
}

// truthOf counts what a core has, one by one.
func truthOf(c *Core) mesh.State {
	loads := map[string]*mesh.Load{"": {}}
	of := func(s *service) *mesh.Load {
		if loads[s.name] == nil {
			loads[s.name] = &mesh.Load{Service: s.name}
		}
		return loads[s.name]
	}
	for _, w := range c.workers.all {
		if w.service != nil {
			l := of(w.service)
			l.Workers++
			if w.idle() && !c.draining {
				l.Idle++
			}
		}
	}
	for _, t := range c.tasks.all {
		if t.place == nowhere {
			continue
		}
		l := of(t.service)
		if t.place == waiting {
			l.Waiting++
		}
		if t.guest {
			l.Guests++
		}
	}
	s := mesh.State{Draining: c.draining, Leaving: c.leaving}
	for _, l := range loads {
		s.Services = append(s.Services, *l)
	}
	return s
}

// announcement is the part of a state that has to be true. A service that only
// has tasks away may be listed or not: there is nothing to say of it.
func announcement(s mesh.State) announced {
	a := announced{draining: s.Draining, leaving: s.Leaving}
	for _, l := range s.Services {
		if l.Workers > 0 || l.Waiting > 0 {
			a.loads[slices.Index(serviceNames, l.Service)] = [4]int{l.Idle, l.Workers, l.Waiting, l.Guests}
		}
	}
	return a
}

// announced can be compared.
type announced struct {
	loads             [3][4]int // by service: idle, workers, waiting, guests
	draining, leaving bool
}

// peer picks a peer, and now and then starts it anew.
func (d *driver) peer() (name string, incarnation mesh.Incarnation) {
	b := d.tape.next()
	i := int(b) % len(peerNames)
	name = peerNames[i]
	run := d.runs[name]
	switch b / 32 {
	case 7:
		d.runs[name]++
		run++
	case 6: // a straggler of the run before
		run = max(run, 1) - 1
	}
	return name, mesh.Incarnation(1000*uint64(i+1) + run)
}

func (d *driver) capacity() mesh.Capacity {
	name, incarnation := d.peer()
	b := d.tape.next()
	if b/64 < 3 {
		d.sequences[incarnation]++
	} // else a report from before
	idle := int(b) % 3
	return mesh.Capacity{
		Node: name, Incarnation: incarnation, Sequence: d.sequences[incarnation], Service: serviceNames[b/4%3],
		Workers: idle + int(b/16)%2, Idle: idle, Waiting: int(b/32) % 4 / 2 * 3, Excess: int(b/32) % 4 / 2 * 2,
		ServiceTime: time.Duration(b%8) * time.Millisecond, Spare: float64(b % 5 * 100), Demand: float64(b % 3), Received: uint64(b % 16),
	}
}

// attempt picks one of the attempts given: mostly a recent one, which is likely
// to count, at times an old one, or one that never was.
func (d *driver) attempt(from []mesh.Attempt) mesh.Attempt {
	b := int(d.tape.next())
	switch {
	case len(from) == 0 || b >= 250:
		return mesh.Attempt{Incarnation: d.cfg.Incarnation, Slot: uint32(b % 8), Generation: uint32(b % 3)}
	case b >= 220:
		return from[b%len(from)]
	}
	return from[len(from)-1-b%min(len(from), 8)]
}
