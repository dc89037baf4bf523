package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"
)

// progress shows on a terminal how far something is.
type progress struct {
	out  io.Writer
	stop chan struct{}
	done chan struct{}
}

// startProgress shows now() of all on a terminal, and nothing elsewhere. End it
// with end.
func startProgress(out io.Writer, all int, now func() int) *progress {
	p := &progress{out: out, stop: make(chan struct{}), done: make(chan struct{})}
	if f, ok := out.(*os.File); !ok || !term.IsTerminal(f.Fd()) {
		close(p.done)
		return p
	}
	began := time.Now()
	go func() {
		defer close(p.done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n := now()
				speed := float64(n) / time.Since(began).Seconds()
				fmt.Fprintf(p.out, "\r\x1b[K%3.0f %%  %d of %d tasks, %.0f a second", 100*float64(n)/float64(all), n, all, speed)
			case <-p.stop:
				fmt.Fprint(p.out, "\r\x1b[K")
				return
			}
		}
	}()
	return p
}

// end takes the line away.
func (p *progress) end() {
	close(p.stop)
	<-p.done
}
