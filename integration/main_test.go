package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// TestMain also makes the test binary a worker process or an external NATS
// server, when it is started as one: see startWorkers, supervised and startServer.
func TestMain(m *testing.M) {
	if url := os.Getenv(workerOf); url != "" {
		work := workerMain
		if os.Getenv(chaosFile) != "" {
			work = chaosWorkers
		}
		fmt.Fprintln(os.Stderr, work(url))
		os.Exit(1)
	}
	if dir := os.Getenv(superviseDir); dir != "" {
		if err := supervisedMain(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if filepath.Base(os.Args[0]) == "nats" {
		if err := natsMain(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(serverClient) != "" {
		if err := serverMain(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if binaryDir != "" {
			_ = os.RemoveAll(binaryDir) // what is left is in the temporary directory
		}
		os.Exit(status)
	}))
}

var binaryDir string

// binary builds cmd/brokermesh, once and only if a test needs it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "brokermesh-test-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "brokermesh")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/brokermesh/brokermesh/cmd/brokermesh")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// process is a child process. Its methods fail the test instead of returning
// errors; call them from the test's own goroutine.
type process struct {
	t     *testing.T
	name  string // for failure texts
	cmd   *exec.Cmd
	stdin io.Writer
	ended chan struct{} // closed when it has ended and all of its output is here

	mu    sync.Mutex
	lines []string      // of its output and its error output, in order
	more  chan struct{} // closed, and replaced, with each line
}

// start starts a process with nothing in its environment but what is given and
// what any program may need. It ends with the test; its output is shown if the
// test fails.
func start(t *testing.T, name string, env []string, path string, args ...string) *process {
	t.Helper()
	return startCmd(t, name, func(cmd *exec.Cmd) {
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	}, path, args...)
}

// startCmd is start with whatever is set in the command.
func startCmd(t *testing.T, name string, set func(*exec.Cmd), path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(path, args...), ended: make(chan struct{}), more: make(chan struct{})}
	set(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = write, write
	err = p.cmd.Start()
	_ = write.Close() // the child has its own, whose end is the end of the output
	if err != nil {
		_ = read.Close()
		t.Fatalf("start %s: %v", name, err)
	}
	go p.collect(read)
	t.Cleanup(p.close)
	return p
}

// collect takes the output in until the process has ended.
func (p *process) collect(output io.ReadCloser) {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		if err != nil {
			break
		}
	}
	_ = output.Close()
	_ = p.cmd.Wait() // the status is in ProcessState
	close(p.ended)
}

// close kills the process if it runs.
func (p *process) close() {
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.ended
	text := p.output()
	// The race detector lets the process go on, and a kill hides its status.
	for _, fault := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(text, fault) {
			p.t.Errorf("%s: %s", p.name, fault)
		}
	}
	if p.t.Failed() {
		p.t.Logf("%s, %v, wrote:\n%s", p.name, p.cmd.ProcessState, text)
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits until the process has written n lines that contain every text,
// and returns the last of them.
func (p *process) await(n int, texts ...string) string {
	p.t.Helper()
	timeout := time.NewTimer(nodetest.Timeout)
	defer timeout.Stop()
	for ended := false; ; {
		p.mu.Lock()
		more, lines := p.more, p.lines
		p.mu.Unlock()
		found := 0
		for _, line := range lines {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				if found++; found == n {
					return line
				}
			}
		}
		if ended {
			p.t.Fatalf("%s ended, %v, with %d of %d lines %q", p.name, p.cmd.ProcessState, found, n, texts)
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true // and look once more
		case <-timeout.C:
			p.t.Fatalf("%s wrote %d of %d lines %q within %s", p.name, found, n, texts, nodetest.Timeout)
		}
	}
}

// say writes n equal lines to the input of the process.
func (p *process) say(n int, line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, strings.Repeat(line+"\n", n)); err != nil {
		p.t.Fatalf("%s does not listen: %v", p.name, err)
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// endAtOnce sends SIGTERM to a process that drains until it has ended, and checks that
// this ended it. Once is not enough: soon after the first signal it counts as that one.
func (p *process) endAtOnce() {
	p.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	limit := time.After(nodetest.Timeout)
	for {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended
		select {
		case <-p.ended:
			p.awaitDeath(syscall.SIGTERM)
			return
		case <-again.C:
		case <-limit:
			p.t.Fatalf("%s did not end within %s", p.name, nodetest.Timeout)
		}
	}
}

// awaitStatus waits until the process has ended, and checks its exit status.
func (p *process) awaitStatus(want int) {
	p.t.Helper()
	p.awaitEnd()
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Errorf("%s ended with %v, want status %d", p.name, p.cmd.ProcessState, want)
	}
}

// awaitDeath waits until the process has ended, and checks that a signal did it.
func (p *process) awaitDeath(want syscall.Signal) {
	p.t.Helper()
	p.awaitEnd()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != want {
		p.t.Errorf("%s ended with %v, want signal %v", p.name, p.cmd.ProcessState, want)
	}
}

func (p *process) awaitEnd() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(nodetest.Timeout):
		p.t.Fatalf("%s did not end within %s", p.name, nodetest.Timeout)
	}
}
