package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Config sets up a Core. DefaultConfig has the values to start from, to which come
// Name, Incarnation and Seed. A field that says nothing of its zero value must be set.
type Config struct {
	Name        string           // of this node
	Incarnation mesh.Incarnation // of this run of it; not zero
	Region      string           // work stays in it while a peer there has room; "": none
	Seed        [32]byte         // of every random choice; unguessable outside tests

	QueueLimit     int                   // waiting tasks beyond which a new one is refused
	QueueBytes     int                   // of waiting tasks, beyond which a new one is refused
	Size           func(message any) int // of a task, in bytes; nil: none has any
	QueueTimeout   time.Duration         // bounds the wait of a task that has no deadline of its own
	AttemptTimeout time.Duration         // bounds one run on a worker; 0: only the task's deadline does
	MaxAttempts    int                   // a task that was lost with so many workers or peers fails

	// Present tells whether the client that sent a request waits for its answer.
	// It is asked of one that has waited and is about to be started. nil: always.
	Present func(message any) bool
	// Gone tells whether a client that is absent cannot be back. nil: it always can.
	Gone func(message any) bool

	DedupWindow time.Duration                               // how long an answer is kept for a repeat of its request
	DedupBytes  int                                         // how many bytes of answers are kept
	Inspect     func(answer any) (size int, code mesh.Code) // of an answer: its bytes, and its code if it is an error; nil: none

	Decisions int // how many of the last ones can be asked for; 0: none

	AnnounceInterval time.Duration // least time between two announcements; 0: by the service time, see mesh.Interval
	Heartbeat        time.Duration // most time between two announcements
	PeerExpiry       time.Duration // silence after which a peer is gone
	LinkMayHang      bool          // silence may be that of the node's own link: it counts until the last Proved
	RoundTrip        time.Duration // to a peer and back, until it is measured
	PingInterval     time.Duration // how often a peer that has tasks of ours, and is silent, is pinged
	DeadAfter        time.Duration // a peer that cannot be reached for so long, and has tasks of ours, is dead; 0: only PeerExpiry counts
	AskInterval      time.Duration // how often a peer is asked about the tasks it has not answered
}

// DefaultConfig returns the defaults of a node on a network of one site.
func DefaultConfig() Config {
	return Config{
		QueueLimit:   10_000,
		QueueBytes:   256 << 20,
		QueueTimeout: 4 * time.Second, // the nats command waits 5
		MaxAttempts:  5,
		DedupWindow:  2 * time.Minute,
		Decisions:    1024,
		DedupBytes:   64 << 20,
		Heartbeat:    time.Second,
		PeerExpiry:   3 * time.Second, // three heartbeats
		RoundTrip:    time.Millisecond,
		PingInterval: 100 * time.Millisecond,
		DeadAfter:    200 * time.Millisecond,
		AskInterval:  time.Second,
	}
}
