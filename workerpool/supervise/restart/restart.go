// Package restart decides when processes that crash are started again, and when
// that is of no use for a while. It is told the time, since any beginning, and
// draws from a seed: the same story ends the same.
package restart

import (
	"math"
	"math/rand/v2"
	"time"
)

// Config is how patient it is. All of it has to be set.
type Config struct {
	Slots int // processes of one program that are to run: 1 or more

	// A process that crashed is started again after a random time from 0 to
	// First (full jitter), to twice as much after each further crash, to Max.
	First, Max time.Duration

	// Well is how long a process has to run to have run well: then its crashes
	// are forgotten.
	Well time.Duration

	// Limit is how many crashes in a row of one slot open the circuit.
	Limit int

	// The circuit stays open for a random time from half of Pause to Pause, and
	// twice as long after each try that fails, up to MaxPause.
	Pause, MaxPause time.Duration

	Seed [32]byte
}

// Circuit is whether processes are started at all.
type Circuit int

// Open: the program crashes over and over, and nothing is started. Trying: one
// process was started, and will have to run well.
const (
	Closed Circuit = iota
	Open
	Trying
)

func (c Circuit) String() string { return [...]string{"closed", "open", "trying"}[c] }

// Never is later than everything.
const Never = time.Duration(math.MaxInt64)

// Restarts is the history of the processes of one program. It is for one
// goroutine.
type Restarts struct {
	cfg     Config
	random  *rand.Rand
	slots   []slot
	circuit Circuit
	until   time.Duration // while Open
	trial   int           // the slot that tries, while Trying
	tries   int           // that have failed, since it was closed
	starts  uint64
}

type slot struct {
	running, well bool
	at            time.Duration // running: since; else when it is due
	crashes       int           // in a row
	start         uint64        // the number of its last start
}

// New returns a history in which nothing has happened; everything is due.
func New(cfg Config) *Restarts {
	return &Restarts{cfg: cfg, random: rand.New(rand.NewChaCha8(cfg.Seed)), slots: make([]slot, cfg.Slots)}
}

// Circuit returns whether processes are started, as of the last Due or Ended.
func (r *Restarts) Circuit() Circuit { return r.circuit }

// Due appends the slots that are to be started now; they count as running.
func (r *Restarts) Due(now time.Duration, due []int) []int {
	r.look(now)
	switch {
	case r.circuit == Open && now >= r.until:
		if i, ok := r.longestIdle(); ok {
			r.circuit, r.trial = Trying, i
			r.start(now, i)
			due = append(due, i)
		}
	case r.circuit == Closed:
		for i := range r.slots {
			if s := &r.slots[i]; !s.running && s.at <= now {
				r.start(now, i)
				due = append(due, i)
			}
		}
	}
	return due
}

// Ended notes that the process of a slot has ended, or could not be started. It
// returns how long the next one has to wait, as far as the slot itself goes.
func (r *Restarts) Ended(now time.Duration, i int) time.Duration {
	r.look(now)
	s := &r.slots[i]
	s.crashes++
	wait := time.Duration(r.random.Int64N(int64(double(r.cfg.First, s.crashes-1, r.cfg.Max)) + 1))
	s.running, s.well, s.at = false, false, now+wait
	switch {
	case r.circuit == Trying && r.trial == i:
		r.tries++
		r.open(now)
	case r.circuit == Closed && s.crashes >= r.cfg.Limit:
		r.open(now)
	}
	return wait
}

// Wake returns when Due has something to do; Never if that depends on others.
func (r *Restarts) Wake() time.Duration {
	wake := Never
	if _, idle := r.longestIdle(); r.circuit == Open && idle {
		wake = r.until
	}
	for _, s := range r.slots {
		switch {
		case s.running && !s.well:
			wake = min(wake, s.at+r.cfg.Well)
		case !s.running && r.circuit == Closed:
			wake = min(wake, s.at)
		}
	}
	return wake
}

// Until returns when the open circuit lets one process try.
func (r *Restarts) Until() time.Duration { return r.until }

// look notes which processes have run well by now. The one that tries closes the
// circuit by that, and everybody else may start.
func (r *Restarts) look(now time.Duration) {
	for i := range r.slots {
		s := &r.slots[i]
		if !s.running || s.well || now-s.at < r.cfg.Well {
			continue
		}
		s.well, s.crashes = true, 0
		if r.circuit == Trying && r.trial == i {
			r.circuit, r.tries = Closed, 0
			for j := range r.slots {
				if other := &r.slots[j]; !other.running {
					other.crashes, other.at = 0, now
				}
			}
		}
	}
}

func (r *Restarts) start(now time.Duration, i int) {
	r.starts++
	s := &r.slots[i]
	s.running, s.well, s.at, s.start = true, false, now, r.starts
}

func (r *Restarts) open(now time.Duration) {
	pause := double(r.cfg.Pause, r.tries, r.cfg.MaxPause)
	r.circuit, r.until = Open, now+pause/2+time.Duration(r.random.Int64N(int64(pause/2)+1))
}

// longestIdle returns the slot without a process whose last start is the longest
// ago: what fails may be one slot's alone.
func (r *Restarts) longestIdle() (slot int, ok bool) {
	for i, s := range r.slots {
		if !s.running && (!ok || s.start < r.slots[slot].start) {
			slot, ok = i, true
		}
	}
	return slot, ok
}

// double returns d, doubled so many times, but no more than most.
func double(d time.Duration, times int, most time.Duration) time.Duration {
	for ; times > 0 && d < most; times-- {
		d *= 2
	}
	return min(d, most)
}
