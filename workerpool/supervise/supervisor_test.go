//go:build unix

package supervise

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/workerpool/supervise/restart"
)

const patience = 30 * time.Second

// crew is a supervisor that runs, and what it has logged.
type crew struct {
	*Supervisor
	t       *testing.T
	changed chan struct{}
	stop    func()
	mu      sync.Mutex
	log     bytes.Buffer
}

func (c *crew) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(p)
}

func (c *crew) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

// shells runs a shell script in so many processes, impatiently. When the test has
// stopped it nothing is left, not even a zombie.
func shells(t *testing.T, processes int, grace time.Duration, script string, args ...string) *crew {
	t.Helper()
	before := goleak.IgnoreCurrent()
	c := &crew{t: t, changed: make(chan struct{}, 1)}
	s, err := New(Config{
		Program: append([]string{"sh", "-c", script, "sh"}, args...), Processes: processes, Name: "w", URL: "nats://here", Service: "svc", Node: "DC1",
		Logger: slog.New(slog.NewTextHandler(c, nil)),
		Changed: func() {
			select {
			case c.changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Supervisor = s
	s.history = restart.New(restart.Config{
		Slots: processes, First: time.Millisecond, Max: 2 * time.Millisecond, Well: 300 * time.Millisecond,
		Limit: 3, Pause: 20 * time.Millisecond, MaxPause: 20 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, func() time.Duration { return grace })
	}()
	c.stop = func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("it does not end")
		}
	}
	t.Cleanup(func() {
		c.stop()
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
			t.Errorf("a child is left: %d, %v", pid, err)
		}
		goleak.VerifyNone(t, before)
		if t.Failed() {
			t.Log(c.logged())
		}
	})
	return c
}

// await waits for a status.
func (c *crew) await(what string, holds func(Status) bool) Status {
	c.t.Helper()
	timeout := time.After(patience)
	for {
		if s := c.Status(); holds(s) {
			return s
		}
		select {
		case <-c.changed:
		case <-timeout:
			c.t.Fatalf("waited for %s: %+v", what, c.Status())
		}
	}
}

// awaitLine waits until a file has a line, and returns all that is in it.
func awaitLine(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if data, err := os.ReadFile(path); err == nil && bytes.HasSuffix(data, []byte("\n")) {
			return string(data)
		}
	}
	t.Fatalf("nothing is written to %s", path)
	return ""
}

// A process knows where it is, and nothing of what this one was told of itself.
func TestEnvironment(t *testing.T) {
	t.Setenv("BROKERMESH_ATTEMPT", "of another")
	t.Setenv(EnvURL, "elsewhere")
	out := filepath.Join(t.TempDir(), "out")
	c := shells(t, 2, patience, `[ "$BROKERMESH_WORKER" = w-1 ] && { env | grep -e ^BROKERMESH_ -e ^NATS_ | sort >"$1.new"; mv "$1.new" "$1"; }; exec sleep 3600`, out)
	want := "BROKERMESH_NODE=DC1\nBROKERMESH_SERVICE=svc\nBROKERMESH_WORKER=w-1\nNATS_URL=nats://here\n"
	if got := awaitLine(t, out); got != want {
		t.Errorf("environment\n%s", got)
	}
	c.await("both", func(s Status) bool { return s.Running == 2 && s.Starts == 2 })
}

// Every end that nobody asked for is a crash, whatever its status.
func TestEndsAreCrashes(t *testing.T) {
	for script, reason := range map[string]string{"exit 0": `"exit status 0"`, "exit 3": `"exit status 3"`, "kill -SEGV $$": "signal: segmentation fault"} {
		c := shells(t, 1, patience, script)
		c.await("a crash", func(s Status) bool { return s.Crashes > 0 })
		c.stop()
		if !strings.Contains(c.logged(), reason) {
			t.Errorf("%s: logged is\n%s", script, c.logged())
		}
	}
}

// A program that is not there any more is one that crashes.
func TestCannotStart(t *testing.T) {
	c, path := &crew{}, filepath.Join(t.TempDir(), "gone")
	s, err := New(Config{Program: []string{"sh"}, Processes: 1, Name: "w", Logger: slog.New(slog.NewTextHandler(c, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.path = path
	ctx, cancel := context.WithCancel(t.Context())
	s.cfg.Changed = func() {
		if s.Status().Crashes == 1 {
			cancel()
		}
	}
	s.Run(ctx, func() time.Duration { return patience })
	if status := s.Status(); status.Crashes != 1 || status.Running != 0 || status.Starts != 0 || status.Opened != 0 || !strings.Contains(c.logged(), "no such file") {
		t.Errorf("%+v", status)
	}
	if _, err := New(Config{Program: []string{path}, Processes: 1}); err == nil {
		t.Error("there is no such program")
	}
}

// The circuit opens, is told of, and closes when the program is mended.
func TestCircuit(t *testing.T) {
	mended := filepath.Join(t.TempDir(), "mended")
	c := shells(t, 3, patience, `[ -e "$1" ] && exec sleep 3600; exit 1`, mended)
	open := c.await("an open circuit", func(s Status) bool { return s.Circuit == "open" })
	if open.Crashes < 3 || open.Opened == 0 {
		t.Errorf("open with %+v", open)
	}
	c.await("another try", func(s Status) bool { return s.Opened > open.Opened })
	if err := os.WriteFile(mended, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.await("all of them", func(s Status) bool { return s.Circuit == "closed" && s.Running == 3 })
	for _, said := range []string{`tries" circuit=trying`, `run well again" circuit=closed`} {
		if !strings.Contains(c.logged(), said) {
			t.Errorf("nothing is said of %s", said)
		}
	}
	if strings.Contains(c.logged(), `tries" circuit=open`) {
		t.Error("an open circuit is told as a try")
	}
	opened, tries := strings.Count(c.logged(), "crash over and over"), strings.Count(c.logged(), "worker process tries")
	if opened != tries || c.Status().Opened != uint64(opened) {
		t.Errorf("it opened %d times, was told of %d times, and tried %d times", c.Status().Opened, opened, tries)
	}
}

// What a process that crashed left behind in its group is killed.
func TestCrashLeavesNobody(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	c := shells(t, 1, patience, `[ -p "$1" ] || exec sleep 3600; exec 9>"$1"; rm "$1"; sleep 3600 & exit 1`, held)
	f := openHeld(t, held)
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("its child lives on: %v", err)
	}
	c.await("the next", func(s Status) bool { return s.Running == 1 && s.Crashes == 1 })
}

// Told to end, a process has the time it is given, and so has what its shell runs;
// beyond that it is killed.
func TestEnd(t *testing.T) {
	for script, want := range map[string]string{
		`trap 'sleep 0.2; echo bye; exit 0' TERM; echo here >"$1"; while :; do sleep 0.05; done`:                       "bye",
		`sh -c "trap 'sleep 0.2; echo bye; exit 0' TERM; echo here >\"$1\"; while :; do sleep 0.05; done"; echo never`: "bye",
	} {
		out := filepath.Join(t.TempDir(), "out")
		c := shells(t, 1, patience, script, out)
		awaitLine(t, out)
		c.stop()
		if log := c.logged(); !strings.Contains(log, want) || strings.Contains(log, "never") || strings.Contains(log, "ended") || strings.Contains(log, "in time") {
			t.Errorf("logged\n%s", log)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	c := shells(t, 1, 50*time.Millisecond, `trap '' TERM; echo here >"$1"; while :; do sleep 0.05; done`, out)
	awaitLine(t, out)
	c.stop()
	if !strings.Contains(c.logged(), "did not end in time") {
		t.Errorf("logged\n%s", c.logged())
	}
}

// Whoever has left the group of a process lives on, and may hold its output: that
// keeps no supervisor from its end.
func TestEndBesideOneThatLeftTheGroup(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	held, out := filepath.Join(dir, "held"), filepath.Join(dir, "out")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(held, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // and with it cat ends
	c := shells(t, 1, 0, `setsid sh -c 'echo here >"$1"; exec cat' sh "$2" <"$1" & exec sleep 3600`, held, out)
	awaitLine(t, out)
	c.stop()
}
