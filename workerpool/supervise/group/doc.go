// Package group starts programs in process groups of their own, to be ended as
// one: whatever a program starts is in its group, unless it leaves that.
//
// A command in a group of its own (Own) ends on Linux with the thread that
// started it, for Linux takes the end of that for the end of the parent: lock the
// goroutine to its thread for as long as the command runs. Its children live on
// if this process is killed.
//
// A Guard costs a shell, and also takes the children along when this process is
// killed, on every Unix. Elsewhere there are no groups, and only the program
// itself is killed, by us.
package group
