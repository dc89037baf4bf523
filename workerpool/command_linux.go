package workerpool

import "syscall"

// On Linux a command does not outlive its worker, however that ends.
func init() { attributes.Pdeathsig = syscall.SIGKILL }
