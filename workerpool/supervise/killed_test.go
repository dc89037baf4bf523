//go:build unix

package supervise

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is the supervisor of TestSignalToItsOwnGroup, in a process to be killed,
// if that says what it is to run.
func TestMain(m *testing.M) {
	script, path := os.Getenv("TEST_SCRIPT"), os.Getenv("TEST_PATH")
	if script == "" {
		os.Exit(m.Run())
	}
	s, err := New(Config{Program: []string{"sh", "-c", script, "sh", path}, Processes: 1, Name: "w", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) // should nobody kill it
	defer cancel()
	s.Run(ctx, func() time.Duration { return 0 })
}

// A process that sends its group a signal does not lose its guard: nobody of the
// group outlives the supervisor.
func TestSignalToItsOwnGroup(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	const signals = "HUP INT QUIT PIPE ALRM TERM USR1 USR2"
	supervisor := exec.Command(os.Args[0])
	supervisor.Env = append(os.Environ(), "TEST_PATH="+held, "TEST_SCRIPT=trap '' "+signals+"; for s in "+signals+`; do kill -s $s 0; done; exec 9>"$1"; sleep 3600 & echo $! >&9; wait`)
	supervisor.Stderr = os.Stderr
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = supervisor.Process.Kill() // fails if it has ended
		_ = supervisor.Wait()         // it was killed
	})
	defer end()
	f := openHeld(t, held)
	in := bufio.NewReader(f)
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	sleep, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("somebody of the group lives on: %v", err)
		_ = syscall.Kill(sleep, syscall.SIGKILL) // may fail: it could be another
	}
}

// openHeld opens a FIFO that a process opens for writing: reading ends when nobody
// holds that end any more.
func openHeld(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return f
}
