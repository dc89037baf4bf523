package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// State is what a node announces of itself on its state subject, as JSON that
// people can read with `nats sub 'state.>'`.
type State struct {
	Version     int       `json:"version"`
	Name        string    `json:"name"`
	Incarnation string    `json:"incarnation"`
	Sequence    uint64    `json:"sequence"` // grows by one or more with each report of this incarnation
	SentAt      time.Time `json:"sent_at"`  // the sender's clock, for people; nodes do not compare it
	UptimeMS    int64     `json:"uptime_ms"`
	Region      string    `json:"region,omitempty"`   // where the node is; "": it was not told
	Draining    bool      `json:"draining,omitempty"` // takes no more tasks
	Leaving     bool      `json:"leaving,omitempty"`  // the goodbye: the last message of this incarnation
	Services    []Load    `json:"services"`

	// Received is the number of the last delegated task that came from each peer.
	Received map[string]uint64 `json:"received,omitempty"`

	// Processes is nil of a node that has none of its own.
	Processes *Processes `json:"processes,omitempty"`
}

// Processes are the worker processes that a node supervises, all of one program.
type Processes struct {
	Wanted  int    `json:"wanted"`
	Running int    `json:"running"`
	Crashes uint64 `json:"crashes"` // since the node started: ends that nobody asked for, failed starts included
	Circuit string `json:"circuit"` // closed; open: it crashes over and over, none is started; trying: one is
}

// Load is a node's load of one service at one moment.
type Load struct {
	Service   string  `json:"service"`    // "" is the default service
	Workers   int     `json:"workers"`    // known, idle or busy
	Idle      int     `json:"idle"`       // free for a task now
	Waiting   int     `json:"waiting"`    // tasks in this node's queue
	Excess    int     `json:"excess"`     // of these: those that a peer may have
	Guests    int     `json:"guests"`     // tasks of peers in hand here
	ServiceMS float64 `json:"service_ms"` // moving average of a task's run time; 0: unknown
	OldestMS  int64   `json:"oldest_ms"`  // age of the longest waiting task
	Spare     float64 `json:"spare"`      // tasks a second the workers can do beyond those of the node's own clients
	Demand    float64 `json:"demand"`     // tasks that peers sent in the last second or so
}

// MaxServices bounds how many services one state message may list.
const MaxServices = 4096

// ParseState reads a state message. It returns an error unless the message is
// the JSON of a state of this or a neighbouring protocol version, with a valid
// name that is also the one in the subject it came by, and counts that can be
// true.
func ParseState(subjectName string, data []byte) (State, Incarnation, error) {
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, 0, fmt.Errorf("not a state: %w", err)
	}
	if err := acceptVersion(s.Version); err != nil {
		return State{}, 0, err
	}
	if err := CheckToken(s.Name); err != nil {
		return State{}, 0, fmt.Errorf("name: %w", err)
	}
	if s.Name != subjectName {
		return State{}, 0, fmt.Errorf("state of %q sent as %q", s.Name, subjectName)
	}
	incarnation, err := ParseIncarnation(s.Incarnation)
	if err != nil {
		return State{}, 0, err
	}
	if s.Region != "" && CheckToken(s.Region) != nil {
		return State{}, 0, fmt.Errorf("malformed region %q", s.Region)
	}
	if len(s.Services) > MaxServices {
		return State{}, 0, errors.New("too many services")
	}
	for _, l := range s.Services {
		if l.Service != "" && CheckToken(l.Service) != nil {
			return State{}, 0, fmt.Errorf("malformed service %q", l.Service)
		}
		if !possible(l.Workers, l.Idle, l.Waiting, l.Excess) || l.Guests < 0 || l.OldestMS < 0 ||
			!sensible(l.ServiceMS) || !sensible(l.Spare) || !sensible(l.Demand) {
			return State{}, 0, fmt.Errorf("impossible load of service %q", l.Service)
		}
	}
	if p := s.Processes; p != nil && (p.Running < 0 || p.Wanted < p.Running || p.Wanted > maxCount || CheckToken(p.Circuit) != nil) {
		return State{}, 0, errors.New("impossible worker processes")
	}
	return s, incarnation, nil
}

// maxCount bounds every count of a report, so that sums of them cannot overflow.
const maxCount = 1 << 30

// possible reports whether the counts of a report can be true together.
func possible(workers, idle, waiting, excess int) bool {
	return 0 <= idle && idle <= workers && workers <= maxCount && 0 <= excess && excess <= waiting && waiting <= maxCount
}

// sensible reports whether a measured value of a report can be true.
func sensible(x float64) bool { return 0 <= x && x <= maxCount }
