package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// timeout bounds every wait; a test that meets it fails.
const timeout = 60 * time.Second

func TestMain(m *testing.M) {
	demoListen = anyPort // another test may be at home at the default one
	os.Exit(m.Run())
}

// output is what a command has printed until now.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the text is printed, behind all that was awaited before if
// from is where that ended. It returns where the text ends.
func (o *output) await(t *testing.T, from int, text string) int {
	t.Helper()
	limit := time.After(timeout)
	for {
		o.mu.Lock()
		printed, changed := o.text.String(), o.changed
		o.mu.Unlock()
		if i := strings.Index(printed[from:], text); i >= 0 {
			return from + i + len(text)
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%q was not printed after %q", text, printed)
		}
	}
}

// brokermesh runs a command line to its end.
func brokermesh(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	o, e := newOutput(), newOutput()
	status = run(ctx, args, o, e)
	if ctx.Err() != nil {
		t.Fatalf("%v did not end within %s:\n%s\n%s", args, timeout, o, e)
	}
	return status, o.String(), e.String()
}
