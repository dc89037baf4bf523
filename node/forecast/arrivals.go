package forecast

import (
	"math/rand/v2"
	"time"
)

// Arrivals is how the clients of a node send their tasks.
type Arrivals string

// The kinds of arrivals.
const (
	Poisson Arrivals = "poisson" // independent of each other
	OnOff   Arrivals = "onoff"   // four times the load for a second, none for three; each time at random around these
	Batch   Arrivals = "batch"   // ten at once
)

// ArrivalKinds returns all of them.
func ArrivalKinds() []Arrivals { return []Arrivals{Poisson, OnOff, Batch} }

const (
	onTime    = time.Second
	offTime   = 3 * time.Second
	batchSize = 10
)

// source is the clients of one node.
type source struct {
	kind    Arrivals
	service Service
	random  *rand.Rand
	gap     float64       // between two arrivals, mean, ns
	onUntil time.Duration // OnOff: the end of the phase
	next    time.Duration
}

// newSource returns the clients of a node that send so many tasks a second,
// from the given time on.
func newSource(c Config, node int, rate float64, from time.Duration) source {
	s := source{
		kind: c.Arrivals, service: c.Service, next: from,
		random: rand.New(rand.NewPCG(c.Seed, 2*uint64(node)+1)),
	}
	s.gap = float64(time.Second) / rate
	switch s.kind {
	case OnOff:
		s.gap *= float64(onTime) / float64(onTime+offTime)
		if on := float64(onTime) / float64(onTime+offTime); s.random.Float64() >= on {
			s.next += s.phase(offTime)
		}
		s.onUntil = s.next + s.phase(onTime)
	case Batch:
		s.gap *= batchSize
	}
	s.advance()
	return s
}

// forever is longer than any run; twice it is still a time.
const forever = time.Duration(1 << 61)

// advance finds the time of the next arrival.
func (s *source) advance() {
	s.next = min(s.next, forever)
	pause := s.pause()
	if s.kind != OnOff {
		s.next += pause
		return
	}
	const phases = 10_000
	if pause > phases*onTime { // by the law of large numbers
		s.next += min(pause, forever/4) / onTime * (onTime + offTime)
		s.onUntil = s.next + s.phase(onTime)
		return
	}
	for s.next += pause; s.next > s.onUntil; { // what is left of the pause is in the next phase
		left := s.next - s.onUntil
		s.next = s.onUntil + s.phase(offTime)
		s.onUntil = s.next + s.phase(onTime)
		s.next += left
	}
}

// phase draws the length of a phase.
func (s *source) phase(mean time.Duration) time.Duration {
	return time.Duration(s.random.ExpFloat64() * float64(mean))
}

// pause draws the time between two arrivals.
func (s *source) pause() time.Duration {
	return time.Duration(min(s.random.ExpFloat64()*s.gap, float64(forever)))
}

// size returns how many tasks come at once.
func (s *source) size() int {
	if s.kind == Batch {
		return batchSize
	}
	return 1
}
