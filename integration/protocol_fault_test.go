package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// What the mesh answers when a task cannot be done. See docs/protocol.md.
func TestBareErrorsOfTheMesh(t *testing.T) {
	m := startMesh(t, 1, nodetest.WithConfig(quick))
	client := bareClient(t, m)
	const malformed = "want a duration such as 30s or 250ms, or a number of seconds"
	for timeout, text := range map[string]string{
		"soon": malformed, "NaN": malformed, "s": malformed, "2592001": "at most 720h0m0s", "-1": "more than 0",
		"0": "more than 0", "-1s": "more than 0", "720h0m1s": "at most 720h0m0s", "1e-12": "more than 0",
	} {
		expectError(t, client.request("localfe", "x", "Mesh-Timeout: "+timeout), "400", text)
	}
	for _, service := range []string{"a.b", "a+b", strings.Repeat("a", 65)} {
		expectError(t, client.request("localfe."+service, "x"), "400", "invalid service")
	}
	expectError(t, client.request("localfe", strings.Repeat("x", 1<<20+1)), "400", "payload of 1048577 bytes")
	expectError(t, client.request("localfe", "x", "Big: "+strings.Repeat("x", 7168)), "400", "at most 7168 are allowed")
	expectError(t, client.request("localfe", "x"), "404", "no node of the mesh has a worker")
	expectError(t, client.request("localfe.none", "x"), "404", "no node of the mesh has a worker for service none")
	expectError(t, client.request("localfe.none", "x", "Mesh-Timeout: 50ms"), "404", "for service none")
	expectError(t, client.request("cloud.DC9", "x"), "503", "no node DC9 in the mesh")
	expectError(t, client.request("cloud.D+C", "x"), "400", "invalid node name")

	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	busy := dialBare(t, m, "DC1") // who waits longer: an answer to it is not taken for one to the others
	busy.sub("busy")
	busy.pub("localfe", "busy", "keeps it busy", "Mesh-Timeout: 500ms")
	task := worker.dispatched("keeps it busy")
	expectError(t, client.request("localfe", "x"), "503", "no worker became free in time")
	expectError(t, client.request("localfe", "x", "Mesh-Timeout: 50ms"), "504", "the deadline passed")
	expectError(t, busy.next(), "504", "the deadline passed") // and while it runs
	worker.pub(task.reply, "", "LATE")                        // fenced; the worker is idle again
	m.AwaitIdle("DC1", "", 1)
	client.pub("cloud.DC1", "answers", "by name")
	worker.pub(worker.dispatched("by name").reply, "", "BY NAME")
	if got := client.next(); got.body != "BY NAME" {
		t.Errorf("answered with %+v", got)
	}
}

// Headers that cannot be read are not taken for none: a deadline would be lost, and an
// error of a worker would be an answer.
func TestBareUnreadableHeaders(t *testing.T) {
	m := startMesh(t, 2, nodetest.WithConfig(quick))
	client := bareClient(t, m)
	for _, subject := range []string{"localfe", "cloud.DC1", "cloud.DC2"} {
		expectError(t, client.request(subject, "x", "Mesh-Timeout 50ms"), "400", "malformed headers")
		expectError(t, client.request(subject, "", "A: b", " and more of it"), "400", "malformed headers")
	}
	worker := bareWorker(t, m, "DC2", "", "my.inbox")
	for _, subject := range []string{"localfe", "cloud.DC2"} {
		client.pub(subject, "answers", "hello")
		worker.pub(worker.dispatched("hello").reply, "", "no disk left", "Nats-Service-Error-Code 500")
		answer := client.next()
		expectHeader(t, answer, "Nats-Service-Error-Code", "500")
		expectHeader(t, answer, "Mesh-Worker", "my.inbox")
		if answer.body != "" || !strings.Contains(answer.get("Nats-Service-Error"), "malformed headers") {
			t.Errorf("answered with %+v", answer)
		}
	}
}

// The largest header and payload pass through, there and back.
func TestBareLargestTask(t *testing.T) {
	m := startMesh(t, 2)
	worker := bareWorker(t, m, "DC2", "", "my.inbox")
	client := bareClient(t, m)
	body := strings.Repeat("x", 1<<20)
	big := "Big: " + strings.Repeat("x", 7168-len("NATS/1.0\r\nBig: \r\n\r\n"))
	client.pub("localfe", "answers", body, big)
	task := worker.dispatched(body)
	expectHeader(t, task, "Big", big[len("Big: "):])
	worker.pub(task.reply, "", body, big)
	answer := client.next()
	if answer.body != body || answer.get("Big") != big[len("Big: "):] {
		t.Errorf("answered with %d bytes and %d headers, error %q", len(answer.body), len(answer.header), answer.get("Nats-Service-Error"))
	}

	// A reply that the client's side could not carry is told, not lost: at home,
	// from a peer and through the bridge.
	big = "Big: " + strings.Repeat("x", 8192-len("NATS/1.0\r\nBig: \r\n\r\n"))
	for _, subject := range []string{"localfe", "cloud.DC2"} {
		client.pub(subject, "answers", "hello")
		worker.pub(worker.dispatched("hello").reply, "", body, big)
		refusal := client.next()
		expectError(t, refusal, "500", "reply of ")
		var size, limit int
		if _, err := fmt.Sscanf(refusal.get("Nats-Service-Error"), "reply of %d bytes, headers and all; at most %d are allowed", &size, &limit); err != nil || size <= limit {
			t.Errorf("the reason is not one: %q", refusal.get("Nats-Service-Error"))
		}
	}
}

// What breaks the rules of the worker's side disturbs nobody, and is counted.
func TestBareFaults(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	stranger := dialBare(t, m, "DC1")
	stranger.sub("wild.*")
	stranger.sub("queue.inbox")
	faults := []struct {
		kind           string
		subject, reply string
		header         []string
	}{
		{"malformed READY", "localbe.ready", "", nil},
		{"malformed READY", "localbe.ready", "localfe", nil},
		{"malformed READY", "localbe.ready", "state.DC1", nil},
		{"malformed READY", "localbe.ready", "$SYS.x", nil},
		{"READY with an inbox that nobody subscribes to", "localbe.ready", "no.such.inbox", nil},
		{"READY with an inbox that nobody subscribes to", "localbe.ready", "wild.card", nil},
		{"READY for an invalid service", "localbe.ready.a.b", "queue.inbox", nil},
		{"answer to a malformed attempt", "localbe.done.what", "", nil},
		{"answer to an attempt that is no more", "localbe.done.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", nil},
		{"malformed leave", "localbe.leave", "", nil},
		{"request without a reply subject", "localfe", "", nil},
	}
	want := make(map[string]uint64)
	for _, f := range faults {
		stranger.pub(f.subject, f.reply, "", f.header...)
		want[f.kind]++
	}
	view := m.Await("DC1", "the complaints", func(v node.View) bool {
		for kind, n := range want {
			if v.Complaints[kind] != n {
				return false
			}
		}
		return true
	})
	if load := view.Load(""); load.Workers != 1 || load.Waiting != 0 {
		t.Errorf("the node now has %+v", load)
	}
	if len(view.Complaints) != len(want) {
		t.Errorf("complaints %v, want %v", view.Complaints, want)
	}

	// An invalid name of a worker is dropped, the worker is not.
	stranger.pub("localbe.ready", "queue.inbox", "", "Mesh-Worker: what is this")
	m.AwaitIdle("DC1", "", 2)
	for range 2 { // one task each: the least recently used worker has the turn
		client.pub("localfe", "answers", "hello", "Any: thing")
	}
	worker.pub(worker.dispatched("hello").reply, "", "")
	expectHeader(t, client.next(), "Mesh-Worker", "my.inbox")
	stranger.pub(stranger.dispatched("hello").reply, "", "")
	expectHeader(t, client.next(), "Mesh-Worker", "queue.inbox")
}

// The server lets a wildcard pass as a reply subject; the node does not.
func TestBareWildcardInbox(t *testing.T) {
	m := startMesh(t, 1, nodetest.WithConfig(quick))
	stranger := dialBare(t, m, "DC1")
	stranger.sub("wild.*")
	for _, inbox := range []string{"wild.*", "wild.>"} {
		before := m.View("DC1").Complaints["malformed READY"]
		stranger.pub("localbe.ready", inbox, "")
		m.Await("DC1", "the complaint", func(v node.View) bool { return v.Complaints["malformed READY"] == before+1 })
	}
	began := time.Now()
	expectError(t, bareClient(t, m).request("localfe", "x"), "404", "no node of the mesh has a worker")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("refused after %s, want the queue timeout to pass: a worker may come", took)
	}
}

// The polite end of an idle worker that has just repeated READY: no complaint,
// no dispatch after the confirmation.
func TestBareReadyThenLeave(t *testing.T) {
	m := startMesh(t, 1, nodetest.WithConfig(quick))
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	worker.sub("confirmed")
	worker.pub("localbe.ready", "my.inbox", "")
	worker.pub("localbe.leave", "confirmed", "my.inbox")
	worker.next()
	m.AwaitWorkers("DC1", "", 0)
	// A known worker that moves to another service is looked into with the very
	// READYs that were repeated.
	other := bareWorker(t, m, "DC1", "from", "other.inbox")
	other.pub("localbe.ready.to", "other.inbox", "")
	m.AwaitWorkers("DC1", "to", 1)
	if v := m.View("DC1"); v.Load("").Workers != 0 || v.Load("from").Workers != 0 || len(v.Complaints) != 0 {
		t.Errorf("after a worker left: %+v", v)
	}
}
