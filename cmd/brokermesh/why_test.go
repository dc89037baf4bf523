package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// A client that is told that its task was done elsewhere can ask why.
func TestWhy(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	m.Work("DC2", 2, func(_ context.Context, task *workerpool.Task) ([]byte, error) { return task.Data, nil })
	m.AwaitMesh()
	url := m.Node("DC1").LocalURL()
	ask := func(args ...string) (string, int) {
		var out bytes.Buffer
		status := run(t.Context(), append([]string{"why", "-s", url}, args...), &out, &out)
		return out.String(), status
	}
	if out, status := ask(); status != exitFailed || !strings.Contains(out, "node DC1 knows of no decision") {
		t.Errorf("status %d: %s", status, out)
	}

	answer, err := m.Client("DC1").RequestMsg(&nats.Msg{Subject: mesh.SubjectRequest, Data: []byte("x"), Header: nats.Header{"X": {"y"}}}, nodetest.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	attempt := answer.Header.Get(mesh.HeaderDelegated)
	if attempt == "" || attempt == answer.Header.Get(mesh.HeaderAttempt) {
		t.Fatalf("no word of the delegation: %v", answer.Header)
	}
	out, status := ask(attempt)
	if status != 0 || !strings.Contains(out, "delegated to DC2 as "+attempt+": 1 waiting for 0 workers") || !strings.Contains(out, "; slots: DC2 ") {
		t.Errorf("status %d: %s", status, out)
	}
	out, status = ask("--json")
	var told mesh.Decisions
	if err := json.Unmarshal([]byte(out), &told); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s", status, err, out)
	}
	if last := told.Decisions[len(told.Decisions)-1]; told.Node != "DC1" || last.Attempt != attempt || last.To != "DC2" {
		t.Errorf("told %+v", told)
	}

	if out, status := ask("nonsense"); status != exitConfig || !strings.Contains(out, `"nonsense": malformed attempt`) {
		t.Errorf("status %d: %s", status, out)
	}
	bad, err := m.Client("DC1").Request(mesh.SubjectWhy, []byte("nonsense"), nodetest.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := nodetest.ErrorOf(bad); code != "400" || text != "malformed attempt" {
		t.Errorf("got %s %s", code, text)
	}
	url = m.Node("DC1").CloudURL()
	if out, status := ask(); status != exitFailed || !strings.Contains(out, "not the local port of a node") {
		t.Errorf("status %d: %s", status, out)
	}
	m.Shutdown("DC1")
	if out, status := ask(); status != exitFailed || !strings.Contains(out, "cannot reach") {
		t.Errorf("status %d: %s", status, out)
	}
}

// A decision is told in words, whatever it was.
func TestReasons(t *testing.T) {
	view := mesh.Home{Workers: 10, Waiting: 3, Oldest: 2e6, ServiceTime: 50e6, Arrivals: 123.4}.View()
	quiet := mesh.Home{Workers: 10, Waiting: 3, Oldest: 2e6, ServiceTime: 50e6, Arrivals: 6.26e-12}.View()
	for want, d := range map[string]mesh.Decision{
		"queued: 3 waiting for 10 workers, the first for 2ms; a task takes 50ms, 0 a second come; no peer had a slot for it":   {Did: mesh.Queued, View: quiet},
		"queued: 3 waiting for 10 workers, the first for 2ms; a task takes 50ms, 123 a second come; no peer had a slot for it": {Did: mesh.Queued, View: view},
		"(gpu) of DC9 queued: 3 waiting for 10 workers, the first for 2ms; a task takes 50ms, 123 a second come":               {Did: mesh.Queued, Service: "gpu", Origin: "DC9", View: view},
		"dispatched to w1 as A": {Did: mesh.Dispatched, To: "w1", Attempt: "A"},
		"delegated to DC2 as A: 3 waiting for 10 workers, the first for 2ms; a task takes 50ms, 123 a second come; 2 stay; slots: DC2 3 sure, 1ms away, DC3 1.5 sure, 20ms away": {
			Did: mesh.Delegated, To: "DC2", Attempt: "A", View: view, Keep: 2,
			Candidates: []mesh.Candidate{{Peer: "DC2", Slots: 3, Sure: true, RoundTripMS: 1}, {Peer: "DC3", Slots: 1.5, Sure: true, RoundTripMS: 20}},
		},
		"delegated to DC2 as A: 3 waiting for 10 workers, the first for 2ms; a task takes 50ms, 123 a second come; no peer had a slot, its queue is shorter": {
			Did: mesh.Delegated, To: "DC2", Attempt: "A", View: view,
		},
	} {
		if got := reason(d); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
