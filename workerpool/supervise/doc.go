// Package supervise runs long-lived worker processes: programs that speak the
// worker protocol of docs/protocol.md themselves. One that ends is started again,
// soon at first and then less and less soon; a program that crashes over and over
// opens a circuit, and is tried again later, one process first. When that is
// decided is in package restart, how no child is left behind in package group.
package supervise
