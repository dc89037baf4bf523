package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/charmbracelet/x/term"
)

// screen is where people see the demo: the live view, or lines. Its methods may
// be called from any goroutine.
type screen interface {
	introduce(m *demoMesh) // where everything is and what to try by hand
	event(text string)     // something out of the ordinary
	task(o outcome)        // a task was answered as it should be
	show(r report)         // what everybody is doing, every so often
	every(o demoOptions) time.Duration
	quit() <-chan struct{} // closed when the user wants to end
	logger() *slog.Logger  // of the nodes
	close() error          // gives the terminal back; the error is why the view ended by itself
}

// report is the demo at one moment.
type report struct {
	at          time.Time
	ran, length time.Duration
	nodes       []standing
	tally       []counts // of each node, then of all
}

func newScreen(out, logs io.Writer, o demoOptions) screen {
	switch {
	case o.picture:
		return newPicture(out, o)
	case o.only != "" || o.plain || !livable(out, os.LookupEnv):
		return newLines(out, logs, o)
	}
	return newLive(out, o)
}

// logLevel is what nodes have to say in the demo. That a peer which crashed on
// purpose cannot be reached is no news.
func logLevel(o demoOptions) slog.Level {
	if o.kill > 0 {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// livable reports whether a live view can be shown, and is wanted.
func livable(out io.Writer, env func(string) (string, bool)) bool {
	for _, unwanted := range []string{"NO_COLOR", "CI"} {
		if value, _ := env(unwanted); value != "" {
			return false
		}
	}
	if kind, _ := env("TERM"); kind == "dumb" {
		return false
	}
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(file.Fd())
}

// rescue gives the terminal back before a panic ends the process. Defer it in
// every goroutine.
func rescue(s screen) {
	if p := recover(); p != nil {
		_ = s.close() // the panic tells more
		panic(p)
	}
}
