//go:build unix

package workerpool

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// attributes are those of every command's process.
var attributes = syscall.SysProcAttr{Setpgid: true}

// ownGroup has a command run in a process group of its own, to be killed as one.
// So the Ctrl-C that tells the worker to end does not reach the command either.
func ownGroup(cmd *exec.Cmd) {
	own := attributes
	cmd.SysProcAttr = &own
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// killGroup kills the group of a command that was started. The kernel does not
// give the group's number to another while anybody is in it, and, the command
// having ended a moment ago, not so soon after.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
