package group

import "syscall"

// On Linux a program does not outlive who started it, however that ends.
func init() { attributes.Pdeathsig = syscall.SIGKILL }
