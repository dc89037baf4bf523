// Package sim is a world of several dispatch cores: virtual time, nodes,
// workers, clients, and networks between them that are as unkind as real ones
// may be. One goroutine runs it, and everything random comes from one seed, so
// a world that goes wrong can be run again: same options and calls, same
// events, same [World.Hash].
//
// What the world does to the cores:
//
//   - A local connection keeps its order; two connections keep none. A cut
//     connection loses a tail of what it had under way, the node's server
//     notices late, and the core hears of it after everything that did arrive:
//     the fence that a node guarantees.
//   - Cloud messages are lost, overtake each other, or find no subscriber.
//   - Nodes are killed, leave, and start again as another incarnation.
//     Partitions between two nodes are silent or told of.
//   - Workers die, leave, vanish without a word, and reconnect with the same
//     inbox under another client id. One that was busy either forgets its task
//     or answers it over the new connection.
//   - Clients go while they wait, and come back.
//
// What it checks after every input, unless Options.Unchecked: a worker has one
// task at most, in the node's view and in fact (G1); every client of a living
// node is answered exactly once, in time, with the answer to its own task, or
// its task is dropped while it has been away for 5 s (G2);
// no guest is passed on (G3); no task waits beside an idle worker (G4); the
// least recently used worker is next (G5); what is announced differs from the
// truth for one announce interval at most (G7). [World.Settle] ends all
// trouble and checks that nothing is left of it: every task answered, every
// living worker known and idle, every node's view of every other one true.
//
// The file effects.go is the shell around a core: what a node does with each
// effect, without its network.
package sim
