package node_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// newNode returns a node on free ports that does not run yet.
func newNode(t testing.TB, name string, change ...func(*node.Config)) *node.Node {
	t.Helper()
	cfg := node.Config{Name: name, Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0"}
	for _, c := range change {
		c(&cfg)
	}
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// run runs a node until stop is called; result has what Run returned.
func run(n *node.Node) (stop context.CancelFunc, result <-chan error) {
	ctx, stop := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- n.Run(ctx) }()
	return stop, end
}

// A program may open and close nodes as often as it likes: nothing is left.
func TestOpenAndClose(t *testing.T) { // not parallel: what others run is no leak
	before := goleak.IgnoreCurrent()
	for i := range 20 {
		n := newNode(t, "DC1")
		stop, result := run(n)
		receive(t, n.Ready())
		nc, err := n.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		working, stopWorking := context.WithCancel(t.Context())
		worked := make(chan error, 1)
		go func() {
			worked <- workerpool.Run(working, nc, workerpool.Config{Workers: 2}, workerpool.HandlerFunc(echo))
		}()
		if _, err := nc.Request(mesh.SubjectRequest, []byte("x"), nodetest.Timeout); err != nil {
			t.Fatal(err)
		}
		stopWorking()
		if err := receive(t, worked); err != nil {
			t.Error(err)
		}
		nc.Close()
		if i%2 == 0 {
			stop()
		} else if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := receive(t, result); err != nil {
			t.Error(err)
		}
		stop()
		receive(t, n.Done())
	}
	goleak.VerifyNone(t, before)
}

func TestManyNodes(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 10, patient)
	m.Work("DC10", 1, echo)
	for _, name := range m.Names() {
		wantAnswer(t, m.Request(name, "", []byte(name)), name, "DC10")
	}
}

func TestCloseBeforeRun(t *testing.T) {
	t.Parallel()
	n := newNode(t, "DC1")
	for range 2 {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	receive(t, n.Done())
	if err := n.Run(t.Context()); err == nil {
		t.Error("a closed node runs")
	}
	if n.LocalURL() != "" || n.CloudURL() != "" || n.ClusterAddr() != "" {
		t.Error("a node that never ran has addresses")
	}
	wantEnded(t, n)
}

// A connection within the process is not given up because the machine is busy, as
// the library would after 2 s, unless who asks for it wants that.
func TestConnectIsPatient(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, 1).Node("DC1")
	for what, connect := range map[string]func(context.Context, ...nats.Option) (*nats.Conn, error){"local": n.Connect, "cloud": n.ConnectCloud} {
		for want, opts := range map[time.Duration][]nats.Option{10 * time.Second: nil, time.Minute: {nats.Timeout(time.Minute)}} {
			nc, err := connect(t.Context(), opts...)
			if err != nil {
				t.Fatal(err)
			}
			if nc.Opts.Timeout != want {
				t.Errorf("%s: a timeout of %v, want %v", what, nc.Opts.Timeout, want)
			}
			nc.Close()
		}
	}
}

// Nor does the server give a connection up that is as slow to begin.
func TestServerIsPatient(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.Node("DC1").LocalURL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	time.Sleep(3 * time.Second) // the server's default is 2 s
	if _, err := conn.Write([]byte("CONNECT {}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(nodetest.Timeout)); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "-ERR") {
			t.Fatalf("the server says %q, %v", line, err)
		}
		if line == "PONG\r\n" {
			return
		}
	}
}

// wantEnded checks that everything that needs a running node fails.
func wantEnded(t *testing.T, n *node.Node) {
	t.Helper()
	ctx := t.Context()
	if nc, err := n.Connect(ctx); err == nil {
		nc.Close()
		t.Error("Connect")
	}
	if nc, err := n.ConnectCloud(ctx); err == nil {
		nc.Close()
		t.Error("ConnectCloud")
	}
	if _, err := n.View(ctx); err == nil {
		t.Error("View")
	}
	if _, err := n.Await(ctx, func(node.View) bool { return true }); err == nil {
		t.Error("Await")
	}
}

func TestRunOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t, "DC1")
	waiting := make(chan error, 1)
	go func() { // before it runs: waits until it does
		nc, err := n.Connect(t.Context())
		if err == nil {
			nc.Close()
			_, err = n.View(t.Context())
		}
		waiting <- err
	}()
	stop, result := run(n)
	if err := receive(t, waiting); err != nil {
		t.Errorf("a Connect that had to wait: %v", err)
	}
	if err := n.Run(t.Context()); err == nil {
		t.Error("Run twice")
	}
	never := make(chan error, 1)
	go func() {
		_, err := n.Await(t.Context(), func(node.View) bool { return false })
		never <- err
	}()
	if _, err := n.View(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
	if err := receive(t, never); err == nil {
		t.Error("an Await outlives the node")
	}
	wantEnded(t, n)
	if err := n.Run(t.Context()); err == nil {
		t.Error("Run after the end")
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(context.Background())
	end()
	n := newNode(t, "DC1")
	if _, err := n.Connect(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect: %v", err)
	}
	if err := n.Run(ended); err != nil {
		t.Errorf("Run: %v", err)
	}
	m := nodetest.Start(t, 1)
	for range 20 {
		if _, err := m.Node("DC1").Await(ended, func(node.View) bool { return false }); !errors.Is(err, context.Canceled) {
			t.Errorf("Await: %v", err)
		}
	}
	m.View("DC1")
}

func TestNameTaken(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	n := newNode(t, "DC2", func(c *node.Config) { c.Peers = []string{m.Node("DC1").ClusterAddr()} })
	if err := n.Run(t.Context()); !errors.Is(err, node.ErrNameTaken) || !strings.Contains(err.Error(), "DC2") {
		t.Errorf("got %v", err)
	}
	m.Work("DC2", 1, echo)
	wantAnswer(t, m.Request("DC1", "", []byte("x")), "x", "DC2")
}

// Two nodes of one name that find each other only later: the younger gives up.
func TestNameTakenLater(t *testing.T) {
	t.Parallel()
	meeting := nodetest.Addresses(t, 1)[0]
	older := newNode(t, "DC1", func(c *node.Config) { c.Peers = []string{meeting} })
	stop, olderEnd := run(older)
	defer stop()
	receive(t, older.Ready())
	time.Sleep(1500 * time.Millisecond) // longer than an answer may take: else it might look older
	younger := newNode(t, "DC1", func(c *node.Config) { c.ClusterListen = meeting })
	stopYounger, youngerEnd := run(younger)
	defer stopYounger()
	if err := receive(t, youngerEnd); !errors.Is(err, node.ErrNameTaken) {
		t.Errorf("the younger: %v", err)
	}
	if _, err := older.View(t.Context()); err != nil {
		t.Errorf("the older: %v", err)
	}
	stop()
	if err := receive(t, olderEnd); err != nil {
		t.Errorf("the older: %v", err)
	}
}

// Of two nodes of one name that begin one right after the other one is left.
func TestNamesakesOfOneAge(t *testing.T) {
	t.Parallel()
	meeting := nodetest.Addresses(t, 1)[0]
	one := newNode(t, "DC1", func(c *node.Config) { c.Peers = []string{meeting} })
	other := newNode(t, "DC1", func(c *node.Config) { c.ClusterListen = meeting })
	stop, oneEnd := run(one)
	defer stop()
	receive(t, one.Ready()) // it has looked for another, and found none
	stopOther, otherEnd := run(other)
	defer stopOther()
	var err error
	left := one
	select {
	case err = <-oneEnd:
		left = other
	case err = <-otherEnd:
	case <-time.After(nodetest.Timeout):
		t.Fatal("both go on")
	}
	if !errors.Is(err, node.ErrNameTaken) {
		t.Errorf("got %v", err)
	}
	if _, err := left.View(t.Context()); err != nil {
		t.Errorf("the other: %v", err)
	}
}

// Whoever asks for the addresses while the node starts gets none, or all.
func TestAddressesWhileStarting(t *testing.T) {
	t.Parallel()
	n := newNode(t, "DC1")
	stop, result := run(n)
	defer stop()
	for n.ClusterAddr() == "" {
		select {
		case err := <-result:
			t.Fatal(err)
		default:
		}
	}
	if n.LocalURL() == "" || n.CloudURL() == "" {
		t.Error("one address is there, another is not")
	}
}
