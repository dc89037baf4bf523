// Package node is one broker of the mesh: it embeds a local server for the
// clients and workers of its cluster, takes part in the cloud plane, and runs
// the dispatch core in one goroutine that owns it.
//
// A node installs no signal handler, never exits the process and has no global
// state, so a program may run many:
//
//	n, err := node.New(node.Config{Name: "DC1", Listen: "127.0.0.1:0"})
//	if err != nil { ... }
//	err = n.Run(ctx) // until ctx ends; then it drains
package node
