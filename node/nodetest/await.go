package nodetest

import (
	"context"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
)

// Await waits until the condition holds of what the named node knows, and
// returns that view. What is what is waited for, for the failure's text.
func (m *Mesh) Await(name, what string, holds func(node.View) bool) node.View {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	view, err := m.find(name).Await(ctx, holds)
	if err != nil {
		now, _ := m.find(name).View(context.WithoutCancel(ctx))
		m.t.Fatalf("node %s: waited for %s: %v; it sees %+v", name, what, err, now)
	}
	return view
}

// View returns what the named node knows now.
func (m *Mesh) View(name string) node.View {
	m.t.Helper()
	return m.Await(name, "its view", func(node.View) bool { return true })
}

// AwaitMesh waits until every running node knows exactly the other running ones.
func (m *Mesh) AwaitMesh() {
	m.t.Helper()
	running := 0
	for _, name := range m.names {
		if m.alive(name) {
			running++
		}
	}
	for _, name := range m.names {
		if m.alive(name) {
			m.Await(name, "all peers", func(v node.View) bool { return len(v.Peers) == running-1 })
		}
	}
}

// AwaitWorkers waits until the node has exactly n workers of a service, and
// every other running node knows so.
func (m *Mesh) AwaitWorkers(name, service string, n int) {
	m.t.Helper()
	m.awaitLoad(name, service, "workers", func(l mesh.Load) bool { return l.Workers == n })
}

// AwaitIdle waits until the node has exactly n idle workers of a service, and
// every other running node knows so.
func (m *Mesh) AwaitIdle(name, service string, n int) {
	m.t.Helper()
	m.awaitLoad(name, service, "idle workers", func(l mesh.Load) bool { return l.Idle == n })
}

// awaitLoad waits until a condition holds of a node's load, at the node and in
// the eyes of every other running one.
func (m *Mesh) awaitLoad(name, service, what string, holds func(mesh.Load) bool) {
	m.t.Helper()
	m.Await(name, "its "+what, func(v node.View) bool { return holds(v.Load(service)) })
	for _, other := range m.names {
		if other != name && m.alive(other) {
			m.Await(other, "the "+what+" of "+name, func(v node.View) bool {
				load, known := v.Peer(name, service)
				return known && holds(load)
			})
		}
	}
}
