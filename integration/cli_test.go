package integration

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
)

// Exit statuses, as the help of the node command tells.
const (
	statusFailed = 1
	statusConfig = 2
)

func TestHelpListsEveryVariable(t *testing.T) {
	p := brokermesh(t, "help", nil, "node", "--help")
	p.awaitStatus(0)
	settings := reflect.VisibleFields(reflect.TypeFor[node.Config]())
	settings = slices.DeleteFunc(settings, func(f reflect.StructField) bool { return f.Tag.Get("ignored") != "" })
	listed := 0
	for line := range strings.Lines(p.output()) {
		words := strings.Fields(line)
		if len(words) == 0 || !strings.HasPrefix(words[0], "MESH_") {
			continue
		}
		i := slices.IndexFunc(settings, func(f reflect.StructField) bool { return variableOf(f.Name) == words[0] })
		if i < 0 {
			t.Errorf("%s is no setting", words[0])
			continue
		}
		listed++
		if tag := settings[i].Tag; !strings.Contains(line, tag.Get("desc")) || tag.Get("default") != "" && words[1] != tag.Get("default") {
			t.Errorf("%s is listed without its meaning or its default %q:\n%s", words[0], tag.Get("default"), line)
		}
	}
	if listed == 0 || listed != len(settings) {
		t.Errorf("%d of %d variables are listed", listed, len(settings))
	}
}

// variableOf is written apart from the code it tests: CloudListen is
// MESH_CLOUD_LISTEN, CloudURL is MESH_CLOUD_URL.
func variableOf(field string) string {
	name := "MESH"
	field = strings.Replace(field, "URL", "Url", 1)
	for _, r := range field {
		if strings.ToUpper(string(r)) == string(r) {
			name += "_"
		}
		name += strings.ToUpper(string(r))
	}
	return name
}

// All that is wrong is told at once: which variable, its value, what is allowed.
func TestWrongConfiguration(t *testing.T) {
	wrong := []struct{ variable, value, allowed string }{
		{"MESH_NAME", "a.b", "1 to 64 characters"},
		{"MESH_LISTEN", "localhost", "host:port"},
		{"MESH_CLOUD_LISTEN", ":4223", "host:port"},
		{"MESH_CLUSTER_LISTEN", "127.0.0.1:99999", "host:port"},
		{"MESH_PEERS", "127.0.0.1:6222,nowhere", "separated by commas"},
		{"MESH_QUEUE_LIMIT", "many", "a number from 1"},
		{"MESH_QUEUE_TIMEOUT", "4", "a duration such as"},
		{"MESH_ATTEMPT_TIMEOUT", "-1s", "a duration such as"},
		{"MESH_MAX_ATTEMPTS", "1001", "a number from 1 to 1000"},
		{"MESH_DRAIN_TIMEOUT", "soon", "a duration such as"},
		{"MESH_LOG_LEVEL", "loud", "debug, info, warn, error"},
		{"MESH_LOG_FORMAT", "xml", "text, json"},
	}
	var env []string
	for _, w := range wrong {
		env = append(env, w.variable+"="+w.value)
	}
	p := brokermesh(t, "misconfigured", env, "node")
	p.awaitStatus(statusConfig)
	for _, w := range wrong {
		p.await(1, w.variable+" ", `"`+w.value+`"`, w.allowed)
	}
}

func TestWrongCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		told string
	}{
		{"nonsense", "nonsense"}, {"--nonsense", "nonsense"}, {"node --nonsense", "nonsense"},
		{"node nonsense", "node takes no arguments"}, // it may be an address with a password
	} {
		p := brokermesh(t, c.args, nil, strings.Fields(c.args)...)
		p.awaitStatus(statusConfig)
		p.await(1, c.told)
	}
}

func TestUnknownVariable(t *testing.T) {
	n := startNode(t, "DC1", "MESH_PEER=127.0.0.1:1", "MESH_QUEUELIMIT=5")
	n.await(1, `"WARN"`, `"variable":"MESH_PEER"`)
	n.await(1, `"WARN"`, `"variable":"MESH_QUEUELIMIT"`)
}

func TestBusyPort(t *testing.T) {
	embeddedOnly(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, variable := range []string{"MESH_LISTEN", "MESH_CLOUD_LISTEN", "MESH_CLUSTER_LISTEN"} {
		p := brokermesh(t, variable, nodeEnv("DC1", variable+"="+l.Addr().String()), "node")
		p.awaitStatus(statusFailed)
		p.await(1, variable, l.Addr().String(), "address already in use")
	}
}

// A node whose name is taken does not start, and whoever has the name does not
// even notice.
func TestNameIsTaken(t *testing.T) {
	first := startNode(t, "DC1")
	startWorkers(t, first, 1).say(1, "free")
	seen := watch(t, first.Local)
	before := seen.awaitIdle("DC1", 1)

	began := time.Now()
	second := brokermesh(t, "the second DC1", nodeEnv("DC1", onPlane(t, []string{seeded(first)})...), "node")
	second.awaitStatus(statusFailed)
	second.await(1, `"the node failed"`, "another node of the mesh has this name", "DC1")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("that took %s", took)
	}
	if log := second.output(); strings.Contains(log, "node ready") {
		t.Errorf("the second DC1 served for a while:\n%s", log)
	}

	expectFrom(t, "DC1", <-send(t, dial(t, first.Local), mesh.SubjectRequest, []byte("undisturbed")))
	later := before.UptimeMS + time.Since(began).Milliseconds()
	after := seen.await("DC1 after that", func(s mesh.State) bool { return s.UptimeMS > later && idle(s) == 1 })
	if after.Incarnation != before.Incarnation || after.Draining || after.Leaving {
		t.Errorf("DC1 was %+v and is %+v", before, after)
	}
	if log := first.output(); strings.Contains(log, "claims to be ours") || strings.Contains(log, `"ERROR"`) {
		t.Errorf("the first DC1 complained:\n%s", log)
	}
}

// Two nodes of one name that could not know of each other are brought together
// by a third. The younger one gives up and says why; the older serves on, and
// those who saw both find back to it.
func TestNameConflictFoundLate(t *testing.T) {
	embeddedOnly(t)
	older := startNode(t, "DC1")
	time.Sleep(1500 * time.Millisecond) // longer than an answer may take: else it might look older
	younger := startNode(t, "DC1")
	startWorkers(t, older, 1).say(1, "free")
	mine := watch(t, older.Local)
	before := mine.awaitIdle("DC1", 1)

	third := startNode(t, "DC3", seeded(older, younger))
	younger.awaitStatus(statusFailed)
	younger.await(1, `"ERROR"`, "another node of the mesh has this name", "DC1")
	younger.await(1, `"the node failed"`, "another node of the mesh has this name", "DC1")

	after := mine.await("DC1 to live on", func(s mesh.State) bool { return s.Name == "DC1" && !s.Leaving })
	if after.Incarnation != before.Incarnation {
		t.Errorf("%s gave way to %s", before.Incarnation, after.Incarnation)
	}
	answer := <-send(t, dial(t, third.Local), mesh.SubjectRequest, []byte("from the third"))
	expectFrom(t, "DC1", answer)
	select {
	case <-older.ended:
		t.Errorf("the older node ended too")
	default:
	}
}

// A node that waits for a task in hand ends at once when it is told twice.
func TestSecondSignal(t *testing.T) {
	n := startNode(t, "DC1", "MESH_DRAIN_TIMEOUT=1h") // the task outlives the test
	workers := startWorkers(t, n, 1)
	seen := watch(t, n.Local)
	seen.awaitIdle("DC1", 1)
	nc := dial(t, n.Local)
	if err := nc.PublishRequest(mesh.SubjectRequest, nc.NewInbox(), []byte("in hand")); err != nil {
		t.Fatal(err)
	}
	workers.await(1, "busy")
	n.signal(syscall.SIGTERM)
	seen.await("DC1 draining", func(s mesh.State) bool { return s.Draining && !s.Leaving })
	n.endAtOnce()
}

// A signal that is said twice is one, as timeout(1) has it, which tells the process
// and the process's group.
func TestSignalSaidTwice(t *testing.T) {
	const oneSignal = 250 * time.Millisecond // of cmd/brokermesh
	for range 10 {
		n := startNode(t, "DC1")
		workers := startWorkers(t, n, 1)
		watch(t, n.Local).awaitIdle("DC1", 1)
		answer := send(t, dial(t, n.Local), mesh.SubjectRequest, []byte("in hand"))
		workers.await(1, "busy")
		began := time.Now()
		n.signal(syscall.SIGTERM)
		n.await(1, "draining")
		n.signal(syscall.SIGTERM)
		if time.Since(began) > oneSignal/2 { // too slow to be one signal
			n.endAtOnce()
			continue
		}
		workers.say(1, "go")
		expectFrom(t, "DC1", <-answer)
		n.awaitStatus(0)
		return
	}
	t.Skip("this machine is too slow to say it twice at once")
}

// A hang-up, of a terminal that is closed, is no crash: the node drains. The shell and
// the terminal may both say it, so that it is said twice means nothing.
func TestHangUp(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("the test itself runs under nohup, and so would the node")
	}
	n := startNode(t, "DC1")
	workers := startWorkers(t, n, 1)
	seen := watch(t, n.Local)
	seen.awaitIdle("DC1", 1)
	answer := send(t, dial(t, n.Local), mesh.SubjectRequest, []byte("in hand"))
	workers.await(1, "busy")
	for range 2 {
		n.signal(syscall.SIGHUP)
		for range 2 { // heartbeats: the node is sure to have dealt with the signal by then
			seen.await("DC1 draining", func(s mesh.State) bool { return s.Draining && !s.Leaving })
		}
	}
	workers.say(1, "go")
	expectFrom(t, "DC1", <-answer)
	n.awaitStatus(0)
}

// Started by nohup it goes on.
func TestHangUpIgnored(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build brokermesh: %v", err)
	}
	n := start(t, "DC1", nodeEnv("DC1"), "sh", "-c", `trap "" HUP; exec "$0" node`, path)
	ready := struct{ Local string }{}
	if err := json.Unmarshal([]byte(n.await(1, `"node ready"`)), &ready); err != nil {
		t.Fatal(err)
	}
	seen := watch(t, ready.Local)
	n.signal(syscall.SIGHUP)
	for range 2 {
		seen.await("a state of DC1", func(s mesh.State) bool {
			if s.Draining {
				t.Error("DC1 drains")
			}
			return true
		})
	}
	n.signal(syscall.SIGTERM)
	n.awaitStatus(0)
}

// Who reads the log may be gone first, as with "| tee": the node drains all the same.
func TestLogIsGone(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build brokermesh: %v", err)
	}
	log, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n := startCmd(t, "DC1", func(cmd *exec.Cmd) {
		cmd.Env, cmd.ExtraFiles = append(os.Environ(), nodeEnv("DC1")...), []*os.File{write}
	}, "sh", "-c", `exec "$0" node >&3 2>&3 3>&-`, path)
	_ = write.Close()
	lines := bufio.NewScanner(log)
	for ready := false; !ready && lines.Scan(); {
		ready = strings.Contains(lines.Text(), `"node ready"`)
	}
	_ = log.Close()
	n.signal(syscall.SIGTERM)
	n.awaitStatus(0)
}
