// Package mesh holds the rules between brokers: names and subjects, the
// messages that cross between nodes, the table of peers, the routing policy,
// and when a node announces itself.
//
// It is pure: standard library only, with no goroutine, clock, network or log
// in it, so the very code that serves can be driven by a fuzzer, a golden
// script or a simulator of a thousand nodes. Nothing in it may be used by two
// goroutines at once; package node gives it one owner.
//
// The words are those of the ZeroMQ guide, chapter 3. A cloud is made of
// clusters, a cluster of workers; each cluster has one broker, its node. Three
// flows run through a node: the local flow (localfe, clients to node; localbe,
// node to workers), the cloud flow (tasks between nodes) and the state flow
// (capacity between nodes).
package mesh
