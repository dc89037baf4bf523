package node_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Of the ports of a node only one takes peers. Who names another is told, once and not
// each second.
func TestPeerIsAnotherPort(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	for name, url := range map[string]string{"local": m.Node("DC1").LocalURL(), "cloud": m.Node("DC1").CloudURL()} {
		address := strings.TrimPrefix(url, "nats://")
		said := make(lines, 1000)
		n := newNode(t, "DC2", func(c *node.Config) {
			c.Peers, c.Logger = []string{address}, slog.New(slog.NewTextHandler(said, nil))
		})
		stop, result := run(n)
		line := receive(t, said)
		for !strings.Contains(line, "MESH_PEERS") && !strings.Contains(line, "Unknown Protocol Operation") {
			line = receive(t, said)
		}
		if !strings.Contains(line, "MESH_CLUSTER_LISTEN") || !strings.Contains(line, "address="+address) {
			t.Errorf("%s port: %s", name, line)
		}
		stop()
		if err := receive(t, result); err != nil {
			t.Error(err)
		}
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
