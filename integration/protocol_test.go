package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The tests of this file use docs/protocol.md alone: every subject and header
// is written out, and no NATS library is between them and the socket.

func quick(c *node.Config) { c.QueueTimeout = 100 * time.Millisecond }

func expectHeader(t testing.TB, m bareMsg, name, want string) {
	t.Helper()
	if got := m.get(name); got != want {
		t.Errorf("%s is %q, want %q, in %+v", name, got, want, m)
	}
}

func expectError(t testing.TB, m bareMsg, code, text string) {
	t.Helper()
	if m.get("Nats-Service-Error-Code") != code || !strings.Contains(m.get("Nats-Service-Error"), text) || m.body != "" {
		t.Errorf("got %+v, want an error reply %s: ...%s...", m, code, text)
	}
	expectHeader(t, m, "Mesh-Node", "DC1")
}

func TestBareTask(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox", "Mesh-Worker: w1")
	client := bareClient(t, m)

	client.pub("localfe", "answers", "hello")
	task := worker.dispatched("hello")
	if task.subject != "my.inbox" || task.header != nil {
		t.Errorf("dispatched as %+v, want it bare, to my.inbox", task)
	}
	worker.pub(task.reply, "", "HELLO")
	answer := client.next()
	if answer.subject != "answers" || answer.body != "HELLO" {
		t.Errorf("answered with %+v", answer)
	}
	if answer.header != nil {
		t.Errorf("headers that nobody asked for: %v", answer.header)
	}

	// The answer was the worker's next READY. An answer with a header tells who gave
	// it, as one to a request with a header does.
	client.pub("localfe", "answers", "")
	task = worker.dispatched("")
	worker.pub(task.reply, "", "", "Colour: red", "Mesh-Node: forged")
	answer = client.next()
	expectHeader(t, answer, "Colour", "red")
	expectGivenBy(t, answer, "DC1", "0", task)
	for _, header := range []string{"Mesh-Timeout: 30s", "Any: thing"} {
		client.pub("localfe", "answers", "hello", header)
		task = worker.dispatched("hello")
		worker.pub(task.reply, "", "HELLO")
		expectGivenBy(t, client.next(), "DC1", "0", task)
	}
	client.pub("cloud.DC1", "answers", "hello")
	task = worker.dispatched("hello")
	worker.pub(task.reply, "", "HELLO")
	expectGivenBy(t, client.next(), "DC1", "0", task)

	// The other way to say which attempt is answered, with all of the reply subject
	// or its end alone.
	for _, from := range []int{0, len("localbe.done.")} {
		client.pub("localfe", "answers", "hello", "Any: thing")
		task = worker.dispatched("hello")
		worker.pub("localbe.done", task.reply[from:], "HELLO")
		expectGivenBy(t, client.next(), "DC1", "0", task)
		worker.pub("localbe.done", task.reply[from:], "once more")
	}
	m.Await("DC1", "answers to attempts that are no more", func(v node.View) bool { return v.Stats.Fenced == 2 })
	worker.pub("localbe.done", "what", "")
	worker.pub("localbe.done", "", "")
	m.Await("DC1", "malformed answers", func(v node.View) bool { return v.Complaints["answer to a malformed attempt"] == 2 })
}

// expectGivenBy checks that an answer tells who gave it: w1.
func expectGivenBy(t testing.TB, answer bareMsg, node, hops string, task bareMsg) {
	t.Helper()
	expectHeader(t, answer, "Mesh-Node", node)
	expectHeader(t, answer, "Mesh-Worker", "w1")
	expectHeader(t, answer, "Mesh-Hops", hops)
	expectHeader(t, answer, "Mesh-Attempt", strings.TrimPrefix(task.reply, "localbe.done."))
}

func TestBareHeaders(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for timeout, longest := range map[string]time.Duration{"20s": 20 * time.Second, "20": 20 * time.Second, "1.5m": 90 * time.Second} {
		client.pub("localfe", "answers", "hello", "Mesh-Timeout: "+timeout, "traceparent: "+trace, "Nats-Msg-Id: for "+timeout,
			"Many: a", "Many: b", "Mesh-Node: forged", "Mesh-Anything: x")
		task := worker.dispatched("hello")
		left, err := time.ParseDuration(task.get("Mesh-Timeout"))
		if err != nil || left <= 0 || left > longest {
			t.Errorf("Mesh-Timeout %q was dispatched as %q: %v", timeout, task.get("Mesh-Timeout"), err)
		}
		expectHeader(t, task, "traceparent", trace)
		expectHeader(t, task, "Nats-Msg-Id", "for "+timeout)
		if many := strings.Join(task.header["Many"], " "); many != "a b" {
			t.Errorf("both values of a header: %q", many)
		}
		if len(task.header) != 4 {
			t.Errorf("headers of the mesh passed through: %v", task.header)
		}
		worker.pub(task.reply, "", "HELLO")
		answer := client.next()
		expectHeader(t, answer, "Mesh-Worker", "my.inbox")
	}
}

func TestBareErrorOfAWorker(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	client.pub("localfe", "answers", "hello")
	worker.pub(worker.dispatched("hello").reply, "", "", "Nats-Service-Error-Code: 422", "Nats-Service-Error: no letters in it")
	answer := client.next()
	expectError(t, answer, "422", "no letters in it")
	expectHeader(t, answer, "Mesh-Worker", "my.inbox")
}

func TestBareLeave(t *testing.T) {
	m := startMesh(t, 1, nodetest.WithConfig(quick))
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	client.pub("localfe", "answers", "last")
	task := worker.dispatched("last")

	sid := worker.sub("confirmed")
	worker.pub("localbe.leave", "confirmed", "my.inbox")
	if got := worker.next(); got.subject != "confirmed" || got.body != "" || got.header != nil || sid != 2 {
		t.Errorf("leave was confirmed with %+v", got)
	}
	worker.pub(task.reply, "", "LAST") // the task in hand still counts
	if got := client.next(); got.body != "LAST" {
		t.Errorf("answered with %+v", got)
	}
	m.AwaitWorkers("DC1", "", 0)
	expectError(t, client.request("localfe", "one more"), "404", "no node of the mesh has a worker")

	worker.pub("localbe.leave", "confirmed", "my.inbox") // again: confirmed as well
	if got := worker.next(); got.subject != "confirmed" {
		t.Errorf("a second leave was confirmed with %+v", got)
	}
	worker.pub("localbe.ready", "my.inbox", "") // and back
	m.AwaitIdle("DC1", "", 1)
}

// A worker that asks for it is told that its task counts no more, where it likes.
// One that does not ask gets nothing but tasks.
func TestBareCancel(t *testing.T) {
	m := startMesh(t, 1)
	naive := bareWorker(t, m, "DC1", "naive", "naive.inbox")
	knowing := bareWorker(t, m, "DC1", "knowing", "my.inbox", "Mesh-Cancel: my.inbox")
	client := bareClient(t, m)

	client.pub("localfe.naive", "answers", "x", "Mesh-Timeout: 50ms")
	late := naive.dispatched("x")
	expectError(t, client.next(), "504", "the deadline passed")
	naive.flush() // fails if anything has come
	naive.pub(late.reply, "", "too late")
	m.AwaitIdle("DC1", "naive", 1)

	client.pub("localfe.knowing", "answers", "x", "Mesh-Timeout: 50ms")
	task := knowing.dispatched("x")
	expectError(t, client.next(), "504", "the deadline passed")
	cancel := knowing.next()
	if cancel.subject != "my.inbox" || cancel.reply != "" || cancel.body != "" || len(cancel.header) != 3 {
		t.Errorf("cancelled with %+v", cancel)
	}
	expectHeader(t, cancel, "Mesh-Attempt", strings.TrimPrefix(task.reply, "localbe.done."))
	expectHeader(t, cancel, "Nats-Service-Error-Code", "504")
	expectHeader(t, cancel, "Nats-Service-Error", "the deadline passed")

	// It is free when it has answered, whatever that is.
	knowing.pub(task.reply, "", "")
	m.AwaitIdle("DC1", "knowing", 1)
}

func TestBareReadyAgain(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	for range 3 {
		worker.pub("localbe.ready", "my.inbox", "")
	}
	client.pub("localfe", "answers", "one")
	client.pub("localfe", "answers", "two")
	task := worker.dispatched("one")
	worker.pub("localbe.ready", "my.inbox", "") // of a busy worker: ignored
	other := bareWorker(t, m, "DC1", "", "other.inbox")
	second := other.dispatched("two")
	other.pub(second.reply, "", "TWO")
	if got := client.next(); got.body != "TWO" {
		t.Errorf("answered with %+v", got)
	}
	worker.pub(task.reply, "", "ONE")
	if got := client.next(); got.body != "ONE" {
		t.Errorf("answered with %+v", got)
	}
	if load := m.View("DC1").Load(""); load.Workers != 2 {
		t.Errorf("%d workers, want 2", load.Workers)
	}
}

func TestBareNamedService(t *testing.T) {
	m := startMesh(t, 2)
	worker := bareWorker(t, m, "DC2", "upper-case", "my.inbox", "Mesh-Worker: w1")
	client := bareClient(t, m)
	client.pub("localfe.upper-case", "answers", "hello", "Mesh-Timeout: 20s", "traceparent: x")
	task := worker.dispatched("hello")
	expectHeader(t, task, "traceparent", "x")
	if left, err := time.ParseDuration(task.get("Mesh-Timeout")); err != nil || left <= 0 || left > 20*time.Second {
		t.Errorf("a delegated task has %q left: %v", task.get("Mesh-Timeout"), err)
	}
	if len(task.header) != 2 {
		t.Errorf("headers of the mesh passed through: %v", task.header)
	}
	worker.pub(task.reply, "", "HELLO")
	answer := client.next()
	expectGivenBy(t, answer, "DC2", "1", task)
	if len(answer.header) != 5 || answer.body != "HELLO" {
		t.Errorf("answered with %+v", answer)
	}
	client.pub("localbe.why", "answers", answer.get("Mesh-Delegated"))
	if told := client.next(); !strings.Contains(told.body, `"service":"upper-case","did":"delegated","to":"DC2","attempt":"`+answer.get("Mesh-Delegated")+`"`) {
		t.Errorf("told %+v", told)
	}

	client.pub("localfe.upper-case", "answers", "bare")
	task = worker.dispatched("bare")
	if task.header != nil {
		t.Errorf("a bare request was dispatched as %+v", task)
	}
	worker.pub(task.reply, "", "BARE")
	if answer := client.next(); answer.header != nil || answer.body != "BARE" {
		t.Errorf("a bare request was answered with %+v", answer)
	}
}

func TestBareWorkerDies(t *testing.T) {
	m := startMesh(t, 1)
	worker := bareWorker(t, m, "DC1", "", "my.inbox")
	client := bareClient(t, m)
	client.pub("localfe", "answers", "hello")
	task := worker.dispatched("hello")
	if err := worker.conn.Close(); err != nil {
		t.Fatal(err)
	}
	m.Await("DC1", "its death", func(v node.View) bool { return v.Load("").Workers == 0 })
	other := bareWorker(t, m, "DC1", "", "other.inbox")
	again := other.dispatched("hello")
	if again.reply == task.reply {
		t.Error("two attempts have one token")
	}
	other.pub(task.reply, "", "LATE") // in the name of the one that died: fenced
	other.pub(again.reply, "", "HELLO")
	if got := client.next(); got.body != "HELLO" {
		t.Errorf("answered with %+v", got)
	}
	m.Await("DC1", "the late answer", func(v node.View) bool { return v.Complaints["answer to an attempt that is no more"] == 1 })
}
