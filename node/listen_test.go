package node_test

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

func TestBusyPort(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for variable, set := range map[string]func(*node.Config, string){
		"MESH_LISTEN":         func(c *node.Config, a string) { c.Listen = a },
		"MESH_CLOUD_LISTEN":   func(c *node.Config, a string) { c.CloudListen = a },
		"MESH_CLUSTER_LISTEN": func(c *node.Config, a string) { c.ClusterListen = a },
	} {
		n := newNode(t, "DC1", func(c *node.Config) { set(c, busy.Addr().String()) })
		err := n.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), variable+"="+busy.Addr().String()) {
			t.Errorf("%s: %v", variable, err)
		}
		receive(t, n.Done())
		wantEnded(t, n)
	}
}

// A port that is about to be free: as one is that was closed while another process
// was being started, which for a moment has a copy of its socket.
func TestPortBusyForAMoment(t *testing.T) {
	t.Parallel()
	for variable, set := range map[string]func(*node.Config, string){
		"MESH_LISTEN":         func(c *node.Config, a string) { c.Listen = a },
		"MESH_CLUSTER_LISTEN": func(c *node.Config, a string) { c.ClusterListen = a },
		"MESH_HEALTH_LISTEN":  func(c *node.Config, a string) { c.HealthListen = a },
	} {
		address := nodetest.Addresses(t, 1)[0]
		busyUntil(t, address, 100*time.Millisecond)
		n := newNode(t, "DC1", func(c *node.Config) { set(c, address) })
		stop, result := run(n)
		select {
		case <-n.Ready():
		case err := <-result:
			t.Errorf("%s: %v", variable, err)
			continue
		}
		stop()
		if err := receive(t, result); err != nil {
			t.Error(err)
		}
	}
}

// A port that becomes busy after it was looked at: the server itself finds out, is
// started again, and given up in time. What the error tells is not logged with each try.
func TestServerFindsPortBusy(t *testing.T) {
	t.Parallel()
	own := nodetest.Addresses(t, 2)
	busyUntil(t, own[1], 100*time.Millisecond)
	said := make(lines, 100)
	log := slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := node.StartServer(own[0], own[1], log)
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	busyUntil(t, own[1], time.Hour)
	if _, err := node.StartServer(own[0], own[1], log); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), own[1]) {
		t.Errorf("got %v", err)
	}
	if len(said) > 0 {
		t.Errorf("%d warnings; the first: %s", len(said), <-said)
	}
}

// busyUntil listens on an address for a while, at most until the test ends.
func busyUntil(t *testing.T, address string, d time.Duration) {
	t.Helper()
	nodetest.AwaitFree(t, address)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	end := time.AfterFunc(d, func() { _ = l.Close() })
	t.Cleanup(func() { end.Stop(); _ = l.Close() })
}
