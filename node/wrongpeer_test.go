package node_test

import (
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Of the ports of a node only one takes peers, and those of other NATS servers do not.
// Who names another is told, of each once and not each second.
func TestPeerIsAnotherPort(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, probed)
	other := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "other", Host: "127.0.0.1", Port: server.RANDOM_PORT},
	})
	n := m.Node("DC1")
	wrong := map[string]string{
		strings.TrimPrefix(n.LocalURL(), "nats://"):  "a port for clients or tools;",
		strings.TrimPrefix(n.CloudURL(), "nats://"):  "a port for clients or tools;",
		strings.TrimPrefix(n.HealthURL(), "http://"): "a port that is none of NATS, of HTTP perhaps;",
		other.ClusterAddr().String():                 "another cluster of NATS servers;",
	}
	said := make(lines, 10_000)
	asking := newNode(t, "DC2", func(c *node.Config) {
		c.Peers, c.Logger = slices.Collect(maps.Keys(wrong)), slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	stop, result := run(asking)
	told, tries := make(map[string]string), 0
	for end := time.After(nodetest.Timeout); len(told) < len(wrong) || tries < 5*len(wrong); { // each is told over and over by the server
		var line string
		select {
		case line = <-said:
		case <-end:
			t.Fatalf("told %v", told)
		}
		if strings.Contains(line, "Trying to connect to route") {
			tries++
		}
		if strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "MESH_PEERS") {
			if strings.Contains(line, "level=INFO") && strings.Contains(line, "rid:") {
				t.Errorf("told in other words: %s", line)
			}
			continue
		}
		for address, what := range wrong {
			if strings.Contains(line, "address="+address+"\n") {
				if told[address] != "" || !strings.Contains(line, what) || !strings.Contains(line, "MESH_CLUSTER_LISTEN") {
					t.Errorf("%s, told before: %q", line, told[address])
				}
				told[address] = line
			}
		}
	}
	stop()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

// A local port is no cloud plane, that of another node or its own, though it shows who is
// there: it is told.
func TestCloudIsLocalPort(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	own := nodetest.Addresses(t, 1)[0]
	_, port, _ := net.SplitHostPort(own)
	for of, url := range map[string]string{"DC1": m.Node("DC1").LocalURL(), "DC2": "nats://localhost:" + port} {
		said := make(lines, 1000)
		n := newNode(t, "DC2", func(c *node.Config) {
			c.Listen, c.CloudURL, c.Logger = own, url, slog.New(slog.NewTextHandler(said, nil))
		})
		stop, result := run(n)
		line := receive(t, said)
		for !strings.Contains(line, "MESH_CLOUD_URL") {
			line = receive(t, said)
		}
		if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "MESH_CLOUD_LISTEN") || !strings.Contains(line, "address="+url+" of="+of+"\n") {
			t.Errorf("%s", line)
		}
		stop()
		if err := receive(t, result); err != nil {
			t.Error(err)
		}
	}
}

// A server of another kind may be called as it likes.
func TestCloudIsCalledLocal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"-local", "DC1-0-local", "DC2-abc-local"} {
		said := make(lines, 1000)
		plane := startNATS(t, &server.Options{ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
		m := nodetest.Start(t, 2, onPlane(plane.ClientURL()), nodetest.WithConfig(func(c *node.Config) {
			c.Logger = slog.New(slog.NewTextHandler(said, nil))
		}))
		for line := ""; !strings.Contains(line, "peers appeared"); { // it is looked into then
			line = receive(t, said)
			if strings.Contains(line, "MESH_CLOUD_URL") {
				t.Errorf("%s: %s", name, line)
			}
		}
		m.Shutdown("DC1")
		m.Shutdown("DC2")
		for len(said) > 0 {
			if line := <-said; strings.Contains(line, "MESH_CLOUD_URL") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// Who comes to the wrong port over and over is told a few times, and then to those who
// debug; another kind of mistake is told all the same.
func TestStrangersAreTold(t *testing.T) {
	t.Parallel()
	const strangers, few = 20, 5
	said := make(lines, 10_000)
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) {
		c.Logger = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	address := strings.TrimPrefix(m.Node("DC1").LocalURL(), "nats://")
	mistakes := map[string]string{"HTTP/1.1 400 Bad Request\r\n": "authentication error", "CONNECT {}\r\nRS+ $G x\r\n": "parser ERROR"}
	for wrote := range mistakes {
		for range strangers {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(nc, wrote); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, nc) // until the server has ended it
			nc.Close()
		}
	}
	told, want := make(map[string]int), make(map[string]int)
	for len(said) > 0 {
		line := <-said
		for _, what := range mistakes {
			want["INFO "+what], want["DEBUG "+what] = few, strangers-few
			if strings.Contains(line, what) {
				told[strings.Fields(line)[1][len("level="):]+" "+what]++
			}
		}
	}
	if !maps.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// A node that finds nobody at its start says so once, whatever its cloud plane is, and
// not if it is to end.
func TestAloneAtTheStart(t *testing.T) {
	t.Parallel()
	nobody := nodetest.Addresses(t, 1)[0]
	for what, c := range map[string]struct {
		set  func(*node.Config)
		stop bool
		want int
	}{
		"no peer":          {set: func(c *node.Config) { c.Peers = []string{nobody} }, want: 1},
		"no NATS":          {set: func(c *node.Config) { c.CloudURL = "nats://" + nobody }, want: 1},
		"no peer, the end": {set: func(c *node.Config) { c.Peers = []string{nobody} }, stop: true},
	} {
		said := make(lines, 1000)
		n := newNode(t, "DC1", c.set, func(c *node.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
		stop, result := run(n)
		if c.stop {
			stop()
		}
		receive(t, n.Ready())
		stop()
		if err := receive(t, result); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		told := 0
		for len(said) > 0 {
			if strings.Contains(<-said, "going on alone") {
				told++
			}
		}
		if told != c.want {
			t.Errorf("%s: told %d times, want %d", what, told, c.want)
		}
	}
}
