//go:build !unix

package group

import "os/exec"

// Without process groups only the command itself is killed, as os/exec does it.
func Own(*exec.Cmd) {}

// Kill does nothing.
func Kill(*exec.Cmd) error { return nil }

// A Guard ends the one command that it admitted.
type Guard struct{ cmd *exec.Cmd }

// NewGuard returns a guard.
func NewGuard() (*Guard, error) { return &Guard{}, nil }

// Admit notes the command.
func (g *Guard) Admit(cmd *exec.Cmd) { g.cmd = cmd }

// Terminate kills the command: it cannot be asked.
func (g *Guard) Terminate() error {
	g.Kill()
	return nil
}

// Kill kills the command.
func (g *Guard) Kill() {
	if g.cmd != nil && g.cmd.Process != nil {
		_ = g.cmd.Process.Kill() // fails if it has ended
	}
}
