//go:build unix

package group

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// attributes are those of every program's process.
var attributes = syscall.SysProcAttr{Setpgid: true}

// Own has a command run in a process group of its own, which is killed as one
// when its context ends. So the Ctrl-C that tells this process to end does not
// reach the command either.
func Own(cmd *exec.Cmd) {
	own := attributes
	cmd.SysProcAttr = &own
	cmd.Cancel = func() error { return Kill(cmd) }
}

// Kill kills the group of a command that was started. The kernel does not give
// the group's number to another while anybody is in it, and, the command having
// ended a moment ago, not so soon after.
func Kill(cmd *exec.Cmd) error { return signal(cmd.Process.Pid, syscall.SIGKILL) }

func signal(group int, s syscall.Signal) error {
	err := syscall.Kill(-group, s)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// watch is what a guard runs: it outlives the signals that a program may send to its
// own group, of which it ignores all that POSIX has a use for, says so, and when
// nobody holds the other end of its input any more it kills the group, itself
// included.
const watch = `trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2; echo; read -r _; kill -KILL 0`

// A Guard leads a process group, and kills it when this process ends, however
// that happens. While it is not reaped nobody else gets the group's number. It is
// for one goroutine.
type Guard struct {
	shell *exec.Cmd
	hold  *os.File // closed by the end of this process, at the latest
}

// NewGuard starts a guard, with a group that has nobody else in it, and waits until
// signals do it no harm. It needs sh.
func NewGuard() (*Guard, error) {
	read, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()
	shell := exec.Command("sh", "-c", watch)
	shell.Stdin, shell.Env, shell.Dir = read, []string{"LC_ALL=C"}, "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ready, err := shell.StdoutPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		_ = hold.Close()
		return nil, err
	}
	g := &Guard{shell: shell, hold: hold}
	if _, err := ready.Read(make([]byte, 1)); err != nil { // io.EOF: it has ended
		g.Kill()
		return nil, fmt.Errorf("the guard of a process group: %w", err)
	}
	_ = ready.Close()
	return g, nil
}

// Admit has a command that is not started yet run in the group.
func (g *Guard) Admit(cmd *exec.Cmd) {
	own := attributes
	own.Pgid = g.shell.Process.Pid
	cmd.SysProcAttr = &own
}

// Terminate asks everybody in the group to end.
func (g *Guard) Terminate() error { return signal(g.shell.Process.Pid, syscall.SIGTERM) }

// Kill kills everybody in the group, the guard as well. A second time it does
// nothing; Admit and Terminate are not for afterwards.
func (g *Guard) Kill() {
	if g.shell.ProcessState != nil {
		return
	}
	_ = signal(g.shell.Process.Pid, syscall.SIGKILL) // cannot fail: the guard is not reaped yet
	_ = g.hold.Close()
	_ = g.shell.Wait() // it was killed; that is its status
}
