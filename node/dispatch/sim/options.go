package sim

import (
	"math/rand/v2"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// Delay draws how long something takes.
type Delay func(*rand.Rand) time.Duration

// Between returns a Delay that is anything from least to most.
func Between(least, most time.Duration) Delay {
	if most <= least {
		return func(*rand.Rand) time.Duration { return least }
	}
	return func(r *rand.Rand) time.Duration {
		return least + time.Duration(r.Int64N(int64(most-least)+1))
	}
}

// Options set up a World. The zero value of each field has a default.
type Options struct {
	Nodes int    // their names are n0, n1, ...; 1 unless told
	Seed  uint64 // of everything random in the world, the cores included

	// Config is every node's, but for Name, Incarnation and Seed, which the
	// world sets. The default is dispatch.DefaultConfig.
	Config dispatch.Config

	Local  Delay // of a message between a worker and its node; 0.1 to 1 ms
	Cloud  Delay // of a message between two nodes; 0.5 to 5 ms
	Work   Delay // of one run of a task; 10 to 50 ms
	Notice Delay // until a server knows that a connection was cut; 0 to 100 ms

	Census Delay         // until a node knows whose READY it got; 0 to 1 ms
	Repeat time.Duration // how often an idle worker says READY again; 2 s; below 0: never

	Loss  float64 // the part of cloud messages that is lost
	Lanes int     // connections between each two nodes that keep an order; 0: no order at all
	Wire  bool    // cloud messages pass through their encodings

	Trace     int  // the lines of log that are kept; 0: no log, and no Hash
	Unchecked bool // for large worlds
	Hooks     Hooks
}

// Hooks are called by the world, if set. They may schedule what is to happen
// next, with World.At and World.Request, but not change anything at once.
type Hooks struct {
	Lose     func(Message) bool                  // whether a cloud message is lost
	Delay    func(Message) (time.Duration, bool) // of a cloud message, instead of Options.Cloud
	Effect   func(*Node, *dispatch.Effect)       // before it is carried out
	Answered func(*Task)                         // by a worker or with an error
}

func (o Options) withDefaults() Options {
	o.Nodes = max(o.Nodes, 1)
	if o.Config.QueueLimit == 0 {
		o.Config = dispatch.DefaultConfig()
	}
	set := func(d *Delay, least, most time.Duration) {
		if *d == nil {
			*d = Between(least, most)
		}
	}
	set(&o.Local, 100*time.Microsecond, time.Millisecond)
	set(&o.Cloud, 500*time.Microsecond, 5*time.Millisecond)
	set(&o.Work, 10*time.Millisecond, 50*time.Millisecond)
	set(&o.Notice, 0, 100*time.Millisecond)
	set(&o.Census, 0, time.Millisecond)
	if o.Repeat == 0 {
		o.Repeat = 2 * time.Second
	}
	return o
}
