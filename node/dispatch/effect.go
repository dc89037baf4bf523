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
	// home. Guest: the answer goes to the peer To, which delegated the task.
	Reply
	// Refuse answers Task with an error, Code and Reason.
	Refuse
	// Delegate sends Task to the peer To, as Attempt, with its Service, Age,
	// Left, Losses, Number and Patience.
	Delegate
	// Return gives the guest Task back to the peer To undone, with its Losses and a
	// Reason.
	Return
	// Drop tells that Task, of Service, is forgotten without an answer: its client
	// has gone. Guest: the peer To, which delegated it.
	Drop
	// Ask asks the peer To which of Attempts it does not hold; without Attempts it
	// is a ping.
	Ask
	// Announce publishes the state to all nodes, or as News to those that follow
	// this one; Core.State has it.
	Announce
	// Follow and Unfollow say that the news of the peer To are wanted from now on,
	// or no more.
	Follow
	Unfollow
)

// Effect is one thing the caller of a Core has to do, in the order given.
type Effect struct {
	Do       Do
	Guest    bool
	News     bool
	Hops     uint8
	Task     any
	Answer   any
	Attempt  mesh.Attempt
	To       string
	Worker   string
	Service  string
	Reason   string
	Code     mesh.Code
	Losses   int
	Number   uint64
	Age      time.Duration
	Left     time.Duration
	Patience time.Duration
	Attempts []mesh.Attempt
}
