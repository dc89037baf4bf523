package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Do says what an Effect asks for.
type Do uint8

// The effects. The fields that each one sets are named with it; Task is always
// the request's message as it was handed in.
const (
	// Dispatch sends Task to the worker whose inbox is To, as Attempt, with
	// Left until its deadline (0: none).
	Dispatch Do = iota + 1
	// Cancel tells a worker that its Attempt counts no more, by Code and Reason; To
	// is the subject that the worker named for that.
	Cancel
	// Reply answers Task with Answer. Attempt and Worker did it; Hops is 0 at
	// home. Guest: the answer goes to the peer that delegated the task.
	Reply
	// Refuse answers Task with an error, Code and Reason.
	Refuse
	// Delegate sends Task to the peer To, as Attempt, with its Service, Age,
	// Left and Losses.
	Delegate
	// Return gives the guest Task back undone, with its Losses and a Reason.
	Return
	// Pull asks the peer To for N waiting tasks of Service.
	Pull
	// Grant answers the pull that came as Task: N tasks of Service are on the way.
	Grant
	// Ask asks the peer To which of Attempts it does not hold; without Attempts it
	// is a ping.
	Ask
	// Announce publishes the state; Core.State has it.
	Announce
)

// Effect is one thing the caller of a Core has to do, in the order given.
type Effect struct {
	Do       Do
	Guest    bool
	Hops     uint8
	Task     any
	Answer   any
	Attempt  mesh.Attempt
	To       string
	Worker   string
	Service  string
	Reason   string
	Code     mesh.Code
	N        int
	Losses   int
	Age      time.Duration
	Left     time.Duration
	Attempts []mesh.Attempt
}
