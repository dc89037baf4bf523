package supervise

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/brokermesh/brokermesh/workerpool/supervise/group"
)

// lingerTime is how long those whom a process that crashed left behind may go on
// with its output before they are killed, and how long the output of the dead is
// waited for.
const lingerTime = time.Second

// live runs one process of a slot, from its start to its end, and tells of it.
func (s *Supervisor) live(slot int, ending, killing context.Context) {
	// Linux takes the end of the thread that started a program for the end of
	// its parent; Go ends no thread that a goroutine is locked to.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	e := end{slot: slot}
	defer func() { s.ends <- e }()
	guard, err := group.NewGuard()
	if err != nil {
		e.err = err
		return
	}
	defer guard.Kill()
	read, write, err := os.Pipe()
	if err != nil {
		e.err = err
		return
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(s.path, s.cfg.Program[1:]...)
	cmd.Args[0] = s.cfg.Program[0]
	cmd.Env = s.environment(slot)
	cmd.Stdout, cmd.Stderr = write, write
	guard.Admit(cmd)
	began := time.Now()
	e.err = cmd.Start()
	_ = write.Close() // the process has its own
	if e.err != nil {
		return
	}
	s.change(func(status *Status) { status.Running++; status.Starts++ })

	p := &process{guard: guard, exited: make(chan struct{}), silent: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	go func() {
		collect(read, s.log.With("worker", s.name(slot), "pid", cmd.Process.Pid))
		close(p.silent)
	}()
	e.killed = p.await(ending, killing)
	guard.Kill()
	<-p.exited
	e.err, e.lived = p.err, max(1, time.Since(began))
	_ = read.SetReadDeadline(time.Now().Add(lingerTime)) // somebody may have left the group and hold it
	<-p.silent
}

// process is one that runs, or whose children do.
type process struct {
	guard  *group.Guard
	exited chan struct{} // closed when it has ended; then err is how
	err    error
	silent chan struct{} // closed when nobody holds its output any more
}

// await waits until the process has ended and nobody holds its output, or it is
// time to kill who does; it reports whether killing ended first. When ending ends
// the process is told to. Its children may then go on for a while: a shell ends
// before the worker that it runs has finished its task.
func (p *process) await(ending, killing context.Context) (killed bool) {
	told, exited, silent := ending.Done(), p.exited, p.silent
	var linger <-chan time.Time
	for exited != nil || silent != nil {
		select {
		case <-exited:
			exited = nil
			if ending.Err() == nil {
				linger = time.After(lingerTime)
			}
		case <-silent:
			silent = nil
		case <-told:
			told, linger = nil, nil
			_ = p.guard.Terminate() // whoever cannot be told is killed
		case <-linger:
			return false
		case <-killing.Done():
			return true
		}
	}
	return false
}
