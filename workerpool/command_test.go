//go:build unix

package workerpool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// shell returns the handler of a shell command. At the end of the test none of
// its processes is left, not even as a zombie.
func shell(t *testing.T, script string, args ...string) workerpool.Handler {
	t.Helper()
	h, err := workerpool.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
			t.Errorf("a child is left: %d, %v", pid, err)
		}
	})
	return h
}

// wantFailure checks that a handler failed with a code, and how it says so.
func wantFailure(t *testing.T, err error, code mesh.Code, text string) {
	t.Helper()
	if e, ok := errors.AsType[*workerpool.Error](err); !ok || e.Code != code || e.Text != text {
		t.Errorf("error %v, want %d: %s", err, code, text)
	}
}

// The output is the answer, byte by byte, in sizes beyond every buffer.
func TestCommandAnswers(t *testing.T) {
	h := shell(t, `cat; echo no answer >&2`)
	for _, data := range [][]byte{nil, []byte("a\x00b\r\n"), bytes.Repeat([]byte("0123456789"), 100_000)} {
		if got, err := h.Handle(t.Context(), &workerpool.Task{Data: data}); err != nil || !bytes.Equal(got, data) {
			t.Errorf("answer of %d bytes, %v; want %d", len(got), err, len(data))
		}
	}
}

func TestCommandArguments(t *testing.T) {
	got, err := shell(t, `printf '%s|' "$@"`, "a b", "", "$HOME").Handle(t.Context(), &workerpool.Task{})
	if err != nil || string(got) != "a b||$HOME|" {
		t.Errorf("answer %q, %v", got, err)
	}
}

func TestCommandFails(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for script, want := range map[string]string{
		`exit 3`:               "exit status 3",
		`echo lost; false`:     "exit status 1",
		`kill -TERM $$`:        "signal: terminated",
		`kill -KILL $$`:        "signal: killed",
		`echo why >&2; exit 4`: "exit status 4: why",
		`printf 'one\n\n two\tthree\033[0m\n' >&2; exit 1`: "exit status 1: one two three\033[0m",
		`echo ` + long + `>&2; echo end >&2; exit 1`:       "exit status 1: ..." + (long + " end")[len(long)+5-960:],
	} {
		_, err := shell(t, script).Handle(t.Context(), &workerpool.Task{})
		wantFailure(t, err, mesh.CodeFailed, want)
	}
}

func TestCommandCannotStart(t *testing.T) {
	if _, err := workerpool.Command("no-such-command"); err == nil || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(t.TempDir(), "goes")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := workerpool.Command(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = h.Handle(t.Context(), &workerpool.Task{})
	wantFailure(t, err, mesh.CodeFailed, "fork/exec "+path+": no such file or directory")
}

// A command that does not read its input is none the worse for it.
func TestCommandDoesNotRead(t *testing.T) {
	got, err := shell(t, `exec <&-; echo fine`).Handle(t.Context(), &workerpool.Task{Data: make([]byte, 1<<20)})
	if err != nil || string(got) != "fine\n" {
		t.Errorf("answer %q, %v", got, err)
	}
}

// Too much output ends the command, whose client hears why.
func TestCommandOutputTooLarge(t *testing.T) {
	h := shell(t, `trap "" PIPE; head -c "$(cat)" /dev/zero; [ "$BROKERMESH_HEADER_HANG" ] && sleep 3600; true`)
	n, nc, _ := setup(t)
	run(t, nc, workerpool.Config{}, h.Handle)
	inbox := n.next(mesh.SubjectReady).Reply
	if m := n.next(n.dispatch(inbox, strconv.Itoa(maxPayload))); len(m.Data) != maxPayload {
		t.Errorf("answer of %d bytes, %v", len(m.Data), m.Header)
	}
	m := n.next(n.dispatch(inbox, strconv.Itoa(maxPayload+1), "Hang", "yes"))
	if got, want := m.Header.Get(mesh.HeaderError), "the command's output is larger than the server's limit of 8192 bytes"; got != want || len(m.Data) != 0 {
		t.Errorf("answer of %d bytes, error %q", len(m.Data), got)
	}
}

func TestCommandEnvironment(t *testing.T) {
	t.Setenv("MY_OWN", "stays")
	t.Setenv(workerpool.EnvHeader+"STALE", "of another task")
	t.Setenv(workerpool.EnvTimeout, "1")
	task := &workerpool.Task{Service: "svc", Attempt: "abc", Header: nats.Header{
		mesh.HeaderTimeout: {"9s"}, "traceparent": {"00-1"}, "X-Many": {"a", "b c"}, "=;\u00e9 path": {"$(id)"}, "X-Nul": {"a\x00PATH=b"}, "a-b": {"first"}, "a_b": {"last"}, "/09:@azAZ[": {"edges"},
	}}
	variables := func(ctx context.Context) []string {
		got, err := shell(t, `env`).Handle(ctx, task)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(slices.Sorted(strings.Lines(string(got))), func(s string) bool {
			return !strings.HasPrefix(s, "BROKERMESH_") && !strings.HasPrefix(s, "MY_OWN")
		})
	}
	want := []string{
		"BROKERMESH_ATTEMPT=abc\n", "BROKERMESH_HEADER_A_B=last\n", "BROKERMESH_HEADER_TRACEPARENT=00-1\n", "BROKERMESH_HEADER_X_MANY=a, b c\n",
		"BROKERMESH_HEADER__09__AZAZ_=edges\n", "BROKERMESH_HEADER______PATH=$(id)\n", "BROKERMESH_SERVICE=svc\n", "MY_OWN=stays\n",
	}
	if got := variables(t.Context()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := variables(ctx)
	left, ok := strings.CutPrefix(got[len(got)-2], "BROKERMESH_TIMEOUT_MS=")
	if ms, err := strconv.Atoi(strings.TrimSpace(left)); !ok || err != nil || ms < 1 || ms > int(patience.Milliseconds()) {
		t.Errorf("got %q", got)
	}
}

// fifo makes a named pipe. The channel is told when somebody has opened it to
// write, and again when the last of them has ended.
func fifo(t *testing.T) (path string, held <-chan error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	news := make(chan error, 2)
	go func() {
		f, err := os.Open(path)
		if news <- err; err != nil {
			return
		}
		_, err = io.Copy(io.Discard, f)
		news <- errors.Join(err, f.Close())
	}()
	return path, news
}

// The end of the context kills the whole group, also those in it who ignore
// polite signals and hold the output.
func TestCommandIsKilled(t *testing.T) {
	path, held := fifo(t)
	h := shell(t, `trap "" TERM INT HUP; sleep 3600 9>"$1" & wait`, path)
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := h.Handle(ctx, &workerpool.Task{})
		result <- err
	}()
	if err := receive(t, held); err != nil { // the grandchild has begun
		t.Fatal(err)
	}
	cancel(errors.New("enough"))
	wantFailure(t, receive(t, result), mesh.CodeUnavailable, "the command was killed: enough")
	if err := receive(t, held); err != nil { // and ended
		t.Error(err)
	}
}

func TestCommandDeadline(t *testing.T) {
	n, nc, _ := setup(t)
	run(t, nc, workerpool.Config{}, shell(t, `sleep 3600 & wait`).Handle)
	m := n.next(n.dispatch(n.next(mesh.SubjectReady).Reply, "", mesh.HeaderTimeout, "50ms"))
	if code, text := m.Header.Get(mesh.HeaderErrorCode), m.Header.Get(mesh.HeaderError); code != "504" || text != "the command was killed at the task's deadline" {
		t.Errorf("answer %q %q", code, text)
	}
}

// A command that ends leaves nothing running, and its answer does not wait long
// for a child that holds the output.
func TestCommandLeavesChildren(t *testing.T) {
	for _, script := range []string{
		`exec 9>"$1"; sleep 3600 & echo fine`,
		`exec 9>"$1"; sleep 3600 >/dev/null 2>&1 & echo fine`,
	} {
		path, held := fifo(t)
		got, err := shell(t, script, path).Handle(t.Context(), &workerpool.Task{})
		if err != nil || string(got) != "fine\n" {
			t.Errorf("answer %q, %v", got, err)
		}
		for range 2 { // begun, and ended
			if err := receive(t, held); err != nil {
				t.Error(err)
			}
		}
	}
}
