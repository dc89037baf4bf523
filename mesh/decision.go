package mesh

import (
	"math"
	"time"
)

// Decisions is a node's answer to "why did this task go there?": its decisions
// about one task, or its last ones, oldest first.
type Decisions struct {
	Node      string     `json:"node"`
	Decisions []Decision `json:"decisions"`
}

// Decision is where a task went that found no idle worker when it came, and the
// view on which that was decided.
type Decision struct {
	At      time.Time `json:"at"`
	Task    uint64    `json:"task"` // decisions about one task have one number
	Service string    `json:"service,omitempty"`
	Origin  string    `json:"origin,omitempty"` // of a guest: the peer that delegated it
	Did     string    `json:"did"`              // Queued, Delegated or Dispatched
	To      string    `json:"to,omitempty"`     // the peer or worker
	Attempt string    `json:"attempt,omitempty"`

	View       *DecisionView `json:"view,omitempty"` // what was known of this node; not of Dispatched
	Keep       int           `json:"keep,omitempty"` // so many of the waiting tasks stayed
	Candidates []Candidate   `json:"candidates,omitempty"`
}

// What a node did with a task.
const (
	Queued     = "queued"
	Delegated  = "delegated"
	Dispatched = "dispatched"
)

// DecisionView is what a node knew of its own service.
type DecisionView struct {
	Workers   int     `json:"workers"`
	Waiting   int     `json:"waiting"` // with the task itself
	OldestMS  float64 `json:"oldest_ms"`
	ServiceMS float64 `json:"service_ms"` // mean run time of a task; 0: unknown
	Arrivals  float64 `json:"arrivals"`   // tasks a second from the node's own clients
	Draining  bool    `json:"draining,omitempty"`
}

// Candidate is a peer with a slot for a task.
type Candidate struct {
	Peer        string  `json:"peer"`
	Slots       float64 `json:"slots"`
	Sure        bool    `json:"sure"` // idle workers; else expected by the time the task is there
	RoundTripMS float64 `json:"round_trip_ms"`
}

// View is what people are told of it.
func (h Home) View() *DecisionView {
	v := &DecisionView{Workers: h.Workers, Waiting: h.Waiting, OldestMS: inMS(h.Oldest), ServiceMS: inMS(h.ServiceTime), Arrivals: h.Arrivals}
	if math.IsInf(v.Arrivals, 1) { // a node that shuts down keeps nothing
		v.Draining, v.Arrivals = true, 0
	}
	return v
}

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Candidates writes the peers that the last Overflow found with a slot over the
// slice, as many as fit, and returns how many there were: those with sure slots or,
// if there is none, those with expected ones. It chose from the first two near ones.
// Without any, a task that goes joins a queue.
func (ps *Peers) Candidates(to []Candidate) (n int) {
	offers, sure := ps.best()
	for i, o := range offers[:min(len(offers), len(to))] {
		to[i] = Candidate{Peer: o.peer.Name, Slots: o.slots, Sure: sure, RoundTripMS: inMS(o.roundTrip)}
	}
	return len(offers)
}
