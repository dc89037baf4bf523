// Package dispatch is the core of a node: which task runs where, and what to
// do when something goes wrong. It is a deterministic state machine. Each
// exported method of Core is one input; it takes the time, and appends the
// effects that the caller has to carry out to the caller's slice. Wake says
// when Tick wants to be called next. There is no goroutine, clock, network or
// log in here, and payloads are opaque, so golden scripts, a fuzzer and a
// simulated world drive the very code that serves.
//
// What it guarantees, after every input:
//
//   - G1: a worker holds at most one task.
//   - G2: every accepted request is answered exactly once, unless its client has
//     gone before it is started.
//   - G3: a guest, a task that a peer delegated here, is never passed on.
//   - G4: no task waits while a worker that may run it is idle here, but for one
//     whose client is absent.
//   - G5: idle workers are used in least recently used order.
//   - G6: the queue is bounded, and overflow is told.
//   - G7: what is announced converges to the truth within one announce interval.
//
// A Core is not safe for concurrent use: one goroutine owns it.
package dispatch
