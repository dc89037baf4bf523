package node_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

var probed = nodetest.WithConfig(func(c *node.Config) { c.HealthListen = "127.0.0.1:0" })

// get asks a node over HTTP.
func get(url string) (status int, text string, err error) {
	client := http.Client{Timeout: nodetest.Timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// probe is get of a node that answers.
func probe(t testing.TB, url string) (status int, text string) {
	t.Helper()
	status, text, err := get(url)
	if err != nil {
		t.Fatal(err)
	}
	return status, text
}

// wantProbe probes until the answer is the wanted one: that a busy machine's node
// is not ready for a while is no fault.
func wantProbe(t testing.TB, url string, status int, text string) {
	t.Helper()
	for end := time.Now().Add(nodetest.Timeout); ; {
		got, body := probe(t, url)
		if got == status && strings.Contains(body, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %d %q, want %d %q", url, got, body, status, text)
		}
	}
}

// A node is ready until it drains, and alive until it has ended.
func TestHealth(t *testing.T) {
	t.Parallel()
	address := nodetest.Addresses(t, 1)[0] // nobody else gets it when the node has ended
	m := nodetest.Start(t, 1, patient, nodetest.WithConfig(func(c *node.Config) { c.HealthListen = address }))
	g := newGate()
	m.Work("DC1", 1, g.handle)
	url := m.Node("DC1").HealthURL()
	wantProbe(t, url+"/healthz", http.StatusOK, "ok\n")
	wantProbe(t, url+"/readyz", http.StatusOK, "ok\n")
	wantProbe(t, url+"/", http.StatusNotFound, "")

	client := m.Client("DC1")
	answers := ask(t, client, task("x"))
	receive(t, g.began)
	ended := shutdown(m, "DC1")
	awaitDraining(t, client)
	wantProbe(t, url+"/readyz", http.StatusServiceUnavailable, "shutting down\n")
	wantProbe(t, url+"/healthz", http.StatusOK, "ok\n")
	close(g.open)
	wantAnswer(t, receive(t, answers), "x", "DC1")
	receive(t, ended)
	// A connection may come about, with the copy of its listener that a process has
	// which is just being started: nobody answers on that.
	if status, text, err := get(url + "/healthz"); err == nil {
		t.Errorf("a node that has ended answers: %d %q", status, text)
	}
}

// A node whose loop is stuck lives, and is not ready.
func TestHealthOfAStuckNode(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, probed)
	n := m.Node("DC1")
	stuck, free := make(chan struct{}), make(chan struct{})
	freed := make(chan error, 1)
	go func() {
		_, err := n.Await(t.Context(), func(node.View) bool {
			close(stuck)
			<-free
			return true
		})
		freed <- err
	}()
	receive(t, stuck)
	wantProbe(t, n.HealthURL()+"/readyz", http.StatusServiceUnavailable, "the node does not answer")
	wantProbe(t, n.HealthURL()+"/healthz", http.StatusOK, "ok\n")
	close(free)
	if err := receive(t, freed); err != nil {
		t.Error(err)
	}
	wantProbe(t, n.HealthURL()+"/readyz", http.StatusOK, "ok\n")
}

func TestHealthListener(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	n := newNode(t, "DC1", func(c *node.Config) { c.HealthListen = busy.Addr().String() })
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "MESH_HEALTH_LISTEN="+busy.Addr().String()) {
		t.Errorf("a busy port: %v", err)
	}
	if url := nodetest.Start(t, 1).Node("DC1").HealthURL(); url != "" {
		t.Errorf("a node that was not told to answer probes does, at %s", url)
	}
}
