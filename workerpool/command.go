package workerpool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool/supervise/group"
)

// What a command finds in its environment about its task, besides the variables
// of the worker's own process. They do not begin with MESH_, which is for the
// configuration of nodes.
const (
	EnvService = "BROKERMESH_SERVICE"    // set to nothing for the default service
	EnvAttempt = "BROKERMESH_ATTEMPT"    // Task.Attempt
	EnvTimeout = "BROKERMESH_TIMEOUT_MS" // milliseconds until the deadline; not set if there is none
	EnvHeader  = "BROKERMESH_HEADER_"    // + a header's name in capitals, with _ for all but letters and digits
)

// envPrefix is what all of them begin with.
const envPrefix = "BROKERMESH_"

// lingerTime is how long the answer waits for whoever else holds the output of
// a command that has ended.
const lingerTime = time.Second

// defaultReplyLimit bounds the output of a command when no server says more.
const defaultReplyLimit = 1 << 20

// command runs a program for each task.
type command struct {
	path string
	args []string // from args[0], the program's name as it was given
}

// Command returns a handler that runs a program once for each task: the payload
// is its standard input, its standard output is the answer. It gets the
// environment of this process and the variables above. A header with several
// values has them separated by ", ".
//
// A program that cannot be started, ends with a status other than 0 or by a
// signal is answered with mesh.CodeFailed and the end of its standard error; one
// that writes more than the server's limit is killed and answered likewise. One
// that does not read its input fails by that no more than in a shell.
//
// When the handler's context ends, the program is killed, on Unix with its whole
// process group; the answer is mesh.CodeDeadline at the task's deadline, the code
// of the node if that gave the task up, mesh.CodeUnavailable otherwise. What a
// program that has ended left running in its group is killed as well, a second
// later if it holds the output. On Linux the program is also killed when this
// process dies, but not its children.
//
// Command returns an error if there is no such program.
func Command(name string, args ...string) (Handler, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("workerpool: %w", err)
	}
	return &command{path: path, args: append([]string{name}, args...)}, nil
}

// Handle runs the program for one task.
func (c *command) Handle(ctx context.Context, t *Task) ([]byte, error) {
	// Linux takes the end of the thread that started a program for the end of
	// its parent; Go ends no thread that a goroutine is locked to.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	running, kill := context.WithCancel(ctx)
	defer kill()
	output := &bounded{limit: t.limit, exceeded: kill}
	if output.limit <= 0 {
		output.limit = defaultReplyLimit
	}
	var complaint tail
	cmd := exec.CommandContext(running, c.path, c.args[1:]...)
	cmd.Args[0] = c.args[0]
	cmd.Env = environment(ctx, t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(t.Data), output, &complaint
	cmd.WaitDelay = lingerTime
	group.Own(cmd)
	err := cmd.Run()
	if cmd.Process != nil {
		_ = group.Kill(cmd) // most likely nobody is left in it
	}

	switch {
	case output.full:
		return nil, &Error{Code: mesh.CodeFailed, Text: fmt.Sprintf("the command's output is larger than the server's limit of %d bytes", output.limit)}
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return output.data, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &Error{Code: mesh.CodeDeadline, Text: "the command was killed at the task's deadline"}
	case ctx.Err() != nil:
		code, why := mesh.CodeUnavailable, context.Cause(ctx)
		text := why.Error()
		if told, ok := errors.AsType[*Error](why); ok { // by the node, whose code is the answer's
			code, text = told.Code, told.Text
		}
		return nil, &Error{Code: code, Text: "the command was killed: " + text}
	}
	text := err.Error()
	if said := complaint.String(); said != "" {
		text += ": " + said
	}
	return nil, &Error{Code: mesh.CodeFailed, Text: text}
}

// environment returns the variables of a task's command. Those of another task,
// if this process is itself a command, are none of its.
func environment(ctx context.Context, t *Task) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, envPrefix) })
	env = append(env, EnvService+"="+t.Service, EnvAttempt+"="+t.Attempt)
	if deadline, ok := ctx.Deadline(); ok {
		env = append(env, EnvTimeout+"="+strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10))
	}
	// In order, so that of two names that become one it is always the same
	// that counts: the last.
	for _, name := range slices.Sorted(maps.Keys(t.Header)) {
		value := strings.Join(t.Header[name], ", ")
		if name == mesh.HeaderTimeout || strings.Contains(value, "\x00") { // told already; no program can be given it
			continue
		}
		env = append(env, EnvHeader+variable(name)+"="+value)
	}
	return env
}

// variable turns the name of a header into a part of the name of a variable: a
// client chooses it, and must not reach any variable with a meaning.
func variable(header string) string {
	name := []byte(strings.ToUpper(header))
	for i, b := range name {
		if (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			name[i] = '_'
		}
	}
	return string(name)
}

// bounded keeps what is written to it, up to a limit.
type bounded struct {
	data     []byte
	limit    int
	full     bool
	exceeded func()
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.data)+len(p) > w.limit {
		w.data, w.full = nil, true
		w.exceeded()
		return 0, errors.New("too much output")
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

// maxTail is how much of its standard error a failed command's answer has, in
// bytes. The reason, before it, fits in maxText as well.
const maxTail = maxText - 64

// tail keeps the end of what is written to it.
type tail struct {
	data []byte
	cut  bool
}

func (w *tail) Write(p []byte) (int, error) {
	w.data = append(w.data, p...)
	if over := len(w.data) - maxTail; over > 0 {
		w.data, w.cut = append(w.data[:0], w.data[over:]...), true
	}
	return len(p), nil
}

// String returns the end on one line.
func (w *tail) String() string {
	line := strings.Join(strings.Fields(string(w.data)), " ")
	if w.cut {
		line = "..." + line
	}
	return line
}
