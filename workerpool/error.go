package workerpool

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// ErrStuck is the error of Run, wrapped, when handlers had not returned
// Config.CancelTimeout after their contexts were cancelled. Their goroutines
// still run; each ends, with its answer sent if the connection is open, when
// its handler returns.
var ErrStuck = errors.New("handlers did not return after they were cancelled")

// The causes of a handler's context that ends before its task's deadline.
var (
	errDrained = errors.New("the worker pool stops")
	errClosed  = &closedError{}
)

// closedError says in the words of this package what is still
// nats.ErrConnectionClosed to errors.Is.
type closedError struct{}

func (*closedError) Error() string { return "the connection was closed for good" }
func (*closedError) Unwrap() error { return nats.ErrConnectionClosed }

// Error is an error that a handler returns to choose the code and the text of
// the answer. A pointer to it is the error.
type Error struct {
	Code mesh.Code // 400 to 599; any other is sent as mesh.CodeFailed
	Text string    // for the client; sent on one line and cut to 1 KiB
}

// Error returns the code and the text.
func (e *Error) Error() string { return strconv.Itoa(int(e.Code)) + ": " + e.Text }

// fault returns the error as the one to answer with; nil for nil.
func fault(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Code: e.Code, Text: e.Text}
	}
	code := mesh.CodeFailed
	if errors.Is(err, context.DeadlineExceeded) {
		code = mesh.CodeDeadline // the node says the same at this moment; whichever comes first
	}
	return &Error{Code: code, Text: err.Error()}
}

// reply returns the error as the answer to an attempt.
func (e *Error) reply(attempt string) *nats.Msg {
	code := e.Code
	if code < 400 || code > 599 {
		code = mesh.CodeFailed
	}
	return &nats.Msg{Subject: mesh.SubjectDone, Reply: attempt, Header: mesh.ErrorHeader(code, oneLine(e.Text))}
}

// maxText is the longest text of an error reply, in bytes.
const maxText = 1024

// oneLine makes a text fit for the value of a header: valid UTF-8 without
// control characters, of 1 to maxText bytes.
func oneLine(s string) string {
	if len(s) > 4*maxText {
		s = s[:4*maxText] // no need to clean what is cut off anyway
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > maxText {
		end := maxText
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	if s == "" {
		return "the task failed" // clients take an empty text for no error
	}
	return s
}
