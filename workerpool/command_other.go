//go:build !unix

package workerpool

import "os/exec"

// Without process groups only the command itself is killed, as os/exec does it.
func ownGroup(*exec.Cmd)        {}
func killGroup(*exec.Cmd) error { return nil }
