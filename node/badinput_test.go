package node_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Kinds of complaints, as they are logged and counted.
const (
	malformedReady = "malformed READY"
	malformedCloud = "malformed message on the cloud plane"
)

// somebody is an attempt that no node has given out.
var somebody = mesh.Attempt{Incarnation: 7, Slot: 1, Generation: 1, Random: 99}

func delegation(origin string) string {
	return string(mesh.Delegation{Origin: origin, Incarnation: 7, Attempt: somebody}.AppendText(nil))
}

func header(name, value string) nats.Header { return nats.Header{name: {value}} }

// withReply gives a message a reply subject that nobody minds.
func withReply(m *nats.Msg, reply string) *nats.Msg { m.Reply = reply; return m }

// What is wrong with a message concerns that message alone: it is answered with
// an error if it asks for an answer, or counted, and nothing else is disturbed.
func TestBadInput(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	m.Work("DC1", 1, echo)
	planes := map[string]*nats.Conn{"local": m.Client("DC1"), "cloud": m.CloudClient("DC2")}
	state := func(s string) []byte {
		return []byte(`{"version":1,"name":"DC9","incarnation":"abc","sequence":1,"services":[` + s + `]}`)
	}

	for _, c := range []struct {
		what      string
		plane     string
		message   *nats.Msg
		code      string // of the answer; "": none is wanted
		complaint string // "": none is wanted
	}{
		{"a payload too large", "local", task(strings.Repeat("x", node.MaxTask+1)), "400", ""},
		{"a header too large", "local", &nats.Msg{Subject: "localfe", Header: header("X", strings.Repeat("x", 8000))}, "400", ""},
		{"a request without reply", "local", task("x"), "", "request without a reply subject"},
		{"a request by name without reply", "local", &nats.Msg{Subject: "cloud.DC2"}, "", "request without a reply subject"},
		{"a service of two tokens", "local", &nats.Msg{Subject: "localfe.a.b"}, "400", ""},
		{"a service of strange letters", "local", taskFor("a$b", ""), "400", ""},
		{"a service too long", "local", taskFor(strings.Repeat("x", 65), ""), "400", ""},
		{"a timeout that is none", "local", within("soon", task("x")), "400", ""},
		{"a timeout of 0", "local", within("0", task("x")), "400", ""},
		{"a timeout below 0", "local", within("-1s", task("x")), "400", ""},
		{"a timeout that is not a number", "local", within("NaN", task("x")), "400", ""},
		{"a timeout of years", "local", within("100000h", task("x")), "400", ""},

		{"READY without inbox", "local", &nats.Msg{Subject: "localbe.ready"}, "", malformedReady},
		{"READY with a wildcard", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "w.*"), "", malformedReady},
		{"READY with a full wildcard", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, ">"), "", malformedReady},
		{"READY with an empty token", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "w..1"), "", malformedReady},
		{"READY with the mesh's own subject", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "localfe"), "", malformedReady},
		{"READY with a node's name", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "cloud.DC1"), "", malformedReady},
		{"READY with the server's own subject", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "$SYS.x"), "", malformedReady},
		{"READY with an inbox of nobody", "local", withReply(&nats.Msg{Subject: "localbe.ready"}, "w.nobody"), "", "READY with an inbox that nobody subscribes to"},
		{"READY for a service of two tokens", "local", withReply(&nats.Msg{Subject: "localbe.ready.a.b"}, "w.1"), "", "READY for an invalid service"},
		{"READY with a strange name", "local", &nats.Msg{Subject: "localbe.ready", Reply: "w.nobody", Header: header(mesh.HeaderWorker, "a b")}, "", "READY with an invalid worker name"},
		{"READY with a strange subject for cancels", "local", &nats.Msg{Subject: "localbe.ready", Reply: "w.nobody", Header: header(mesh.HeaderCancel, "localfe")}, "", "READY with an invalid subject for cancels"},
		{"leave without inbox", "local", &nats.Msg{Subject: "localbe.leave"}, "", "malformed leave"},
		{"an answer to a malformed attempt", "local", &nats.Msg{Subject: "localbe.done.x"}, "", "answer to a malformed attempt"},
		{"an answer to nothing", "local", &nats.Msg{Subject: "localbe.done"}, "", "answer to a malformed attempt"},
		{"an answer to an unknown attempt", "local", &nats.Msg{Subject: mesh.DoneSubject(somebody)}, "", "answer to an attempt that is no more"},
		{"an answer to the zero attempt", "local", &nats.Msg{Subject: mesh.DoneSubject(mesh.Attempt{})}, "", "answer to an attempt that is no more"},

		{"a state of broken JSON", "cloud", &nats.Msg{Subject: "state.DC9", Data: []byte(`{"version":1,`)}, "", malformedCloud},
		{"a state of foreign JSON", "cloud", &nats.Msg{Subject: "state.DC9", Data: []byte(`[1, 2, "three"]`)}, "", malformedCloud},
		{"an empty state", "cloud", &nats.Msg{Subject: "state.DC9"}, "", malformedCloud},
		{"a state of another version", "cloud", &nats.Msg{Subject: "state.DC9", Data: []byte(`{"version":9,"name":"DC9","incarnation":"a"}`)}, "", malformedCloud},
		{"a state of another name", "cloud", &nats.Msg{Subject: "state.DC8", Data: state("")}, "", malformedCloud},
		{"a state of too many idle workers", "cloud", &nats.Msg{Subject: "state.DC9", Data: state(`{"workers":1,"idle":2}`)}, "", malformedCloud},
		{"a state of less than no tasks", "cloud", &nats.Msg{Subject: "state.DC9", Data: state(`{"waiting":-1}`)}, "", malformedCloud},
		{"a state of too many workers", "cloud", &nats.Msg{Subject: "state.DC9", Data: state(`{"workers":9000000000000000000}`)}, "", malformedCloud},
		{"a state of a fraction", "cloud", &nats.Msg{Subject: "state.DC9", Data: state(`{"workers":1.5}`)}, "", malformedCloud},
		{"a state of a strange service", "cloud", &nats.Msg{Subject: "state.DC9", Data: state(`{"service":"a b"}`)}, "", malformedCloud},

		{"a broken delegation", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, "nonsense")}, "400", malformedCloud},
		{"a delegation of another version", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, "9"+delegation("DC9")[1:])}, "400", malformedCloud},
		{"a delegation cut short", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, delegation("DC9")[:40])}, "400", malformedCloud},
		{"a delegation without reply", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, delegation("DC9"))}, "", "delegated task of no origin"},
		{"a delegation of its own", "cloud", withReply(&nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, delegation("DC1"))}, "w"), "", "delegated task of no origin"},
		{"a delegated payload too large", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderDelegation, delegation("DC9")), Data: make([]byte, node.MaxTask+1)}, "400", ""},
		{"a delegated header too large", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: nats.Header{mesh.HeaderDelegation: {delegation("DC9")}, "X": {strings.Repeat("x", 8000)}}}, "400", ""},
		{"a broken capacity", "cloud", &nats.Msg{Subject: "cloud.DC1", Header: header(mesh.HeaderCapacity, "1;DC9;x")}, "400", malformedCloud},
		{"a probe without reply", "cloud", &nats.Msg{Subject: "cloud.DC1"}, "", "request without a reply subject"},
		{"a question about no attempt", "cloud", &nats.Msg{Subject: "cloud.DC1.held", Data: []byte("x\n")}, "", malformedCloud},
		{"a question without reply", "cloud", &nats.Msg{Subject: "cloud.DC1.held", Data: []byte(somebody.String())}, "", "cannot send on the cloud plane"},
	} {
		t.Run(c.what, func(t *testing.T) {
			before := m.View("DC1").Complaints[c.complaint]
			if c.code != "" {
				wantError(t, receive(t, ask(t, planes[c.plane], c.message)), c.code)
			} else {
				publish(t, planes[c.plane], c.message)
			}
			if c.complaint != "" {
				m.Await("DC1", c.complaint, func(v node.View) bool { return v.Complaints[c.complaint] == before+1 })
			}
			wantAnswer(t, m.Request("DC1", "", []byte(c.what)), c.what, "DC1")
		})
	}
	if peers := m.View("DC1").Peers; len(peers) != 1 || peers[0].Name != "DC2" {
		t.Errorf("after all that, the peers of DC1 are %+v", peers)
	}
}

// publishBare publishes a message with the header as it is written here: the NATS
// library of the tests would not, others are less strict.
func publishBare(t testing.TB, m *nodetest.Mesh, name, subjects, header, payload string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.Node(name).LocalURL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	header = "NATS/1.0\r\n" + header + "\r\n"
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB %s %d %d\r\n%s%s\r\n",
		subjects, len(header), len(header)+len(payload), header, payload); err != nil {
		t.Fatal(err)
	}
}

// A header that the node cannot send on is its sender's fault, and no worker's.
func TestBareHeader(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	w := rawWorker(t, m, "DC1")
	for what, c := range map[string]struct{ header, payload string }{
		"grows when it is sent": {strings.Repeat("a:\r\n", 1700), strings.Repeat("x", node.MaxTask)},
		"a name with a space":   {"a b: c\r\n", "x"},
	} {
		t.Run(what, func(t *testing.T) {
			client := m.Client("DC1")
			answers := make(chan *nats.Msg, 1)
			inbox := client.NewInbox()
			if _, err := client.ChanSubscribe(inbox, answers); err != nil {
				t.Fatal(err)
			}
			if err := client.FlushTimeout(nodetest.Timeout); err != nil {
				t.Fatal(err)
			}
			publishBare(t, m, "DC1", "localfe "+inbox, c.header, c.payload)
			wantError(t, receive(t, answers), "400")
			if l := m.View("DC1").Load(""); l.Idle != 1 {
				t.Errorf("%d of %d workers are idle", l.Idle, l.Workers)
			}
		})
	}
	answers := ask(t, m.Client("DC1"), task("x"))
	publishBare(t, m, "DC1", receive(t, w.tasks).Reply, "a b: c\r\n", "y")
	wantError(t, receive(t, answers), "500")
}

// A flood of requests, which the node cannot take in, drops no worker's answer.
func TestFlood(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, patient)
	w := rawWorker(t, m, "DC1")
	client, flood := m.Client("DC1"), m.Client("DC1")
	answers := ask(t, client, task("x"))
	got := receive(t, w.tasks)

	goOn := stall(t, m)
	for range 1<<16 + 1000 {
		if err := flood.Publish(mesh.SubjectRequest, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := flood.FlushTimeout(nodetest.Timeout); err != nil {
		t.Fatal(err)
	}
	w.answer(got, nil, got.Data)
	goOn()
	wantAnswer(t, receive(t, answers), "x", "DC1")
	m.AwaitIdle("DC1", "", 1)
}
