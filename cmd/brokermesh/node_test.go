package main

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
)

// environment sets what a node needs to run beside others, and more.
func environment(t *testing.T, set ...string) {
	t.Helper()
	for _, s := range append([]string{"MESH_LISTEN=" + anyPort, "MESH_CLOUD_LISTEN=" + anyPort, "MESH_CLUSTER_LISTEN=" + anyPort}, set...) {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
}

// Why a node fails is told to people as all commands tell it, and where the log is
// JSON nothing else is written.
func TestNodeFails(t *testing.T) {
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().String()
	for _, c := range []struct {
		set    []string
		status int
		want   []string
	}{
		{[]string{"MESH_LISTEN=" + busy}, exitFailed, []string{"MESH_LISTEN=" + busy, "address already in use"}},
		{[]string{"MESH_LISTEN=4222", "MESH_QUEUE_LIMIT=x"}, exitConfig, []string{"the configuration is wrong", `MESH_LISTEN is "4222"`, `MESH_QUEUE_LIMIT is "x"`}},
	} {
		for _, format := range []string{"text", "json"} {
			environment(t, append(c.set, "MESH_LOG_FORMAT="+format)...)
			status, out, told := brokermesh(t, "node")
			if status != c.status || out != "" {
				t.Errorf("%v, %s: exit status %d: %s", c.set, format, status, out)
			}
			if format == "text" {
				if !strings.HasPrefix(told, "brokermesh: ") {
					t.Errorf("%v: told as %s", c.set, told)
				}
			} else {
				var line struct{ Level, Error string }
				if err := json.Unmarshal([]byte(told), &line); err != nil || line.Level != "ERROR" {
					t.Errorf("%v: logged %s: %v", c.set, told, err)
				}
				told = line.Error
			}
			for _, want := range c.want {
				if !strings.Contains(told, want) {
					t.Errorf("%v, %s: %q is missing in %s", c.set, format, want, told)
				}
			}
		}
	}
}

// What there is none of is not null, and a duration has its unit.
func TestNodeLogsJSON(t *testing.T) {
	environment(t, "MESH_LOG_FORMAT=json", "MESH_DRAIN_TIMEOUT=1500ms")
	ctx, stop := context.WithCancel(t.Context())
	log, status := newOutput(), make(chan int, 1)
	go func() { status <- run(ctx, []string{"node"}, log, log) }()
	at := log.await(t, 0, `"node ready"`)
	at = log.await(t, at, `"peers":[]`)
	stop()
	log.await(t, at, `"timeout":"1.5s"`)
	if s := <-status; s != 0 || strings.Contains(log.String(), "null") {
		t.Errorf("exit status %d: %s", s, log)
	}
}
