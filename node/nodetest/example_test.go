package nodetest_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// A test of a program that uses the mesh looks like this one. The task is given
// to DC1 and done by DC2, where the workers are.
func TestUppercase(t *testing.T) {
	m := nodetest.Start(t, 3) // DC1, DC2 and DC3, all acquainted
	m.Work("DC2", 4, func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		if len(task.Data) == 0 {
			return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: "nothing to do"}
		}
		return bytes.ToUpper(task.Data), nil
	})

	answer := m.Request("DC1", "", []byte("hello"))
	if got, by := string(answer.Data), answer.Header.Get(mesh.HeaderNode); got != "HELLO" || by != "DC2" {
		t.Errorf("got %s by %s, want HELLO by DC2", got, by)
	}
	if code, text := nodetest.ErrorOf(m.Request("DC1", "", nil)); code != "400" || text != "nothing to do" {
		t.Errorf("got %s %s, want 400 nothing to do", code, text)
	}
}

// What a program does when a node dies is tested like this.
func TestNodeLost(t *testing.T) {
	m := nodetest.Start(t, 2)
	echo := func(_ context.Context, task *workerpool.Task) ([]byte, error) { return task.Data, nil }
	m.Work("DC1", 1, echo)
	m.Work("DC2", 1, echo)
	m.Kill("DC2")
	m.AwaitMesh() // until DC1 knows that it is alone
	if by := m.Request("DC1", "", []byte("x")).Header.Get(mesh.HeaderNode); by != "DC1" {
		t.Errorf("done by %s", by)
	}
	m.Restart("DC2")
	m.AwaitMesh()
}
