package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

func TestErrorReplies(t *testing.T) {
	n, nc, _ := setup(t)
	type outcome func() ([]byte, error)
	outcomes := make(chan outcome, 1)
	run(t, nc, workerpool.Config{}, func(context.Context, *workerpool.Task) ([]byte, error) { return (<-outcomes)() })
	ready := n.next(mesh.SubjectReady)

	fails := func(err error) outcome { return func() ([]byte, error) { return []byte("dropped"), err } }
	long := strings.Repeat("é", 1000)
	var noError *workerpool.Error
	for _, c := range []struct {
		name    string
		outcome outcome
		code    string
		text    string
	}{
		{"any error", fails(errors.New("no luck")), "500", "no luck"},
		{"code", fails(&workerpool.Error{Code: mesh.CodeBadRequest, Text: "bad"}), "400", "bad"},
		{"wrapped", fails(fmt.Errorf("inside: %w", &workerpool.Error{Code: 599, Text: "bad"})), "599", "bad"},
		{"no code", fails(&workerpool.Error{Text: "bad"}), "500", "bad"},
		{"code too low", fails(&workerpool.Error{Code: 399, Text: "bad"}), "500", "bad"},
		{"code too high", fails(&workerpool.Error{Code: 600, Text: "bad"}), "500", "bad"},
		{"no text", fails(&workerpool.Error{Code: 404}), "404", "the task failed"},
		{"lines", fails(errors.New("\r\na\r\nMesh-Node: b\x00\tc\n")), "500", "a  Mesh-Node: b  c"},
		{"not UTF-8", fails(errors.New("a\xffb")), "500", "a?b"},
		{"long", fails(errors.New("x" + long)), "500", "x" + long[:1022]},
		{"huge", fails(errors.New(strings.Repeat("y", 1e6))), "500", strings.Repeat("y", 1024)},
		{"deadline", fails(context.DeadlineExceeded), "504", "context deadline exceeded"},
		{"nil error of the type", fails(noError), "500", "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"panic", func() ([]byte, error) { panic("boom") }, "500", "panic: boom"},
		{"panic of an error", func() ([]byte, error) { panic(errors.New("a\nb")) }, "500", "panic: a b"},
		{"panic of nil", func() ([]byte, error) { panic(nil) }, "500", "panic: " + new(runtime.PanicNilError).Error()},
		{"panic of the error", fails(bad{}), "500", "panic: bad"},
		{"goroutine ended", func() ([]byte, error) { runtime.Goexit(); return nil, nil }, "500", "the handler ended its goroutine"},
		{"too large", func() ([]byte, error) { return make([]byte, maxPayload+1), nil },
			"500", fmt.Sprintf("reply of %d bytes larger than the server's limit of %d", maxPayload+1, maxPayload)},
		{"largest", func() ([]byte, error) { return make([]byte, maxPayload), nil }, "", ""},
		{"none", func() ([]byte, error) { return nil, nil }, "", ""},
	} {
		outcomes <- c.outcome
		answer := n.next(n.dispatch(ready.Reply, "x")) // the worker goes on after each
		if code := answer.Header.Get(mesh.HeaderErrorCode); code != c.code {
			t.Errorf("%s: code %q, want %q", c.name, code, c.code)
		}
		if text := answer.Header.Get(mesh.HeaderError); text != c.text {
			t.Errorf("%s: text %q, want %q", c.name, text, c.text)
		}
		if c.code != "" && len(answer.Data) != 0 {
			t.Errorf("%s: an error with the body %q", c.name, answer.Data)
		}
	}
}

// bad is an error that panics when it is asked for its text.
type bad struct{}

func (bad) Error() string { panic("bad") }

func TestPanicIsLogged(t *testing.T) {
	n, nc, _ := setup(t)
	log := make(lines, 10)
	run(t, nc, workerpool.Config{Service: "s", Logger: slog.New(slog.NewTextHandler(log, nil))},
		func(context.Context, *workerpool.Task) ([]byte, error) { return explode() })
	n.next(n.dispatch(n.next(mesh.SubjectReady+".s").Reply, "x"))
	line := receive(t, log)
	for _, want := range []string{"level=ERROR", "panicked", "boom", "service=s", "explode"} {
		if !strings.Contains(line, want) {
			t.Errorf("logged without %q: %s", want, line)
		}
	}
}

func explode() ([]byte, error) { panic("boom") }

func TestErrorText(t *testing.T) {
	err := fmt.Errorf("task: %w", &workerpool.Error{Code: mesh.CodeNoService, Text: "nobody"})
	if got, want := err.Error(), "task: 404: nobody"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
