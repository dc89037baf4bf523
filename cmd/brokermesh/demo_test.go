package main

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Twenty clients that pause for up to five seconds are sure to send something
// in three.
func demoOf2(t *testing.T, more ...string) (status int, out, errs string) {
	t.Helper()
	return brokermesh(t, append([]string{"demo", "--plain", "--nodes", "2", "--clients", "10", "--workers", "2",
		"--service-time", "20ms", "--for", "3s", "--every", "500ms"}, more...)...)
}

func expectNothingLost(t *testing.T, status int, out, errs string) {
	t.Helper()
	if status != 0 {
		t.Errorf("exit status %d: %s", status, errs)
	}
	end := regexp.MustCompile(`\nsent (\d+), answered (\d+), wrong 0, lost 0\n$`).FindStringSubmatch(out)
	if end == nil || end[1] != end[2] || end[1] == "0" {
		t.Errorf("the end is not that all was answered:\n%s", out)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	status, out, errs := demoOf2(t)
	expectNothingLost(t, status, out, errs)
	for _, want := range []string{"nats://127.0.0.1:", "req localfe", "req cloud.DC2", "  DC1  workers 2, idle ", "  DC2  workers 2, idle ", "last: DC"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestDemoWithCrashes(t *testing.T) {
	t.Parallel()
	status, out, errs := demoOf2(t, "--kill", "1s")
	expectNothingLost(t, status, out, errs)
	for _, want := range []string{"crashed with its 2 workers", "is back, with new workers", "  down;"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestDemoWithTheOnlyNodeCrashing(t *testing.T) {
	t.Parallel()
	status, out, errs := brokermesh(t, "demo", "--plain", "--nodes", "1", "--clients", "20", "--workers", "2", "--kill", "1s", "--for", "2s")
	expectNothingLost(t, status, out, errs)
	if !strings.Contains(out, "DC1 is back") {
		t.Errorf("it did not come back:\n%s", out)
	}
}

// Nothing crashes any more when the clients have ended, even if it was just about to.
func TestNoCrashAtTheEnd(t *testing.T) {
	t.Parallel()
	o := demoOptions{nodes: 1, workers: 1, serviceTime: time.Millisecond, kill: time.Nanosecond, plain: true}
	out := newOutput()
	m, err := startDemoMesh(t.Context(), o, newScreen(out, out, o))
	if err != nil {
		t.Fatal(err)
	}
	defer m.end()
	sending, stop := context.WithCancel(t.Context())
	stop()
	for range 50 {
		m.startCrashes(sending, o)
		m.crashes.Wait()
		if strings.Contains(out.String(), "crashed") {
			t.Fatalf("it crashed:\n%s", out)
		}
	}
}

func TestDemoOnlyFlow(t *testing.T) {
	t.Parallel()
	status, out, errs := demoOf2(t, "--only", "flow")
	expectNothingLost(t, status, out, errs)
	if !regexp.MustCompile(`(?m)^local  DC1-client-\d-task-\d+ → DC1 → DC1-worker-\d, \S+s$`).MatchString(out) {
		t.Errorf("no task's way was shown:\n%s", out)
	}
	if strings.Contains(out, "idle") {
		t.Errorf("capacities were shown:\n%s", out)
	}
}

// Ctrl-C while its nodes start is the end that was asked for, and no fault.
func TestDemoEndedAtTheStart(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := demo(ctx, io.Discard, io.Discard, demoOptions{nodes: 3, clients: 1, workers: 1, serviceTime: 1, every: time.Second, plain: true}); err != nil {
		t.Error(err)
	}
}

func TestDemoWithWrongFlags(t *testing.T) {
	t.Parallel()
	wrong := []string{"--nodes=31", "--clients=0", "--workers=1001", "--service-time=0s", "--kill=1ms", "--every=1ms", "--for=-1s", "--only=state"}
	status, _, out := brokermesh(t, append([]string{"demo"}, wrong...)...)
	if status != exitConfig {
		t.Errorf("exit status %d", status)
	}
	for _, flag := range wrong {
		if name, _, _ := strings.Cut(flag, "="); !strings.Contains(out, name+":") {
			t.Errorf("%s is not named in:\n%s", name, out)
		}
	}
}

func TestPicture(t *testing.T) {
	t.Parallel()
	status, out, _ := brokermesh(t, "demo", "--picture", "--nodes", "2", "--clients", "1", "--workers", "2", "--for", "1s")
	if status != 0 || !strings.Contains(bare(out), "\nDC2   ") || strings.Contains(out, "by peers   for peers") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}
