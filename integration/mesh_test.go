package integration

import (
	"bytes"
	"context"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

func upper(_ context.Context, t *workerpool.Task) ([]byte, error) { return bytes.ToUpper(t.Data), nil }

func TestTaskIsDoneAtHome(t *testing.T) {
	m := startMesh(t, 1)
	m.Work("DC1", 2, upper)
	answer := m.Request("DC1", "", []byte("hello"))
	if got := string(answer.Data); got != "HELLO" {
		t.Errorf("answer %q, want HELLO; header %v", got, answer.Header)
	}
	if node, hops := answer.Header.Get(mesh.HeaderNode), answer.Header.Get(mesh.HeaderHops); node != "DC1" || hops != "0" {
		t.Errorf("done by %q after %q hops, want DC1 after 0", node, hops)
	}
}

func TestTaskOverflowsToThePeerThatHasAWorker(t *testing.T) {
	m := startMesh(t, 3)
	m.Work("DC2", 1, upper)
	answer := m.Request("DC1", "", []byte("hello"))
	if got := string(answer.Data); got != "HELLO" {
		t.Errorf("answer %q, want HELLO; header %v", got, answer.Header)
	}
	if node, hops := answer.Header.Get(mesh.HeaderNode), answer.Header.Get(mesh.HeaderHops); node != "DC2" || hops != "1" {
		t.Errorf("done by %q after %q hops, want DC2 after 1", node, hops)
	}
}
