package workerpool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/brokermesh/brokermesh/workerpool"
)

// Failures are passed on, each, and logged, some.
func TestLogFailures(t *testing.T) {
	var log bytes.Buffer
	h := workerpool.LogFailures(workerpool.HandlerFunc(func(_ context.Context, task *workerpool.Task) ([]byte, error) {
		if len(task.Data) == 0 {
			return []byte("fine"), nil
		}
		return nil, errors.New(string(task.Data))
	}), slog.New(slog.NewTextHandler(&log, nil)))
	if answer, err := h.Handle(t.Context(), &workerpool.Task{}); string(answer) != "fine" || err != nil || log.Len() != 0 {
		t.Errorf("answer %q, %v, logged %s", answer, err, log.String())
	}
	const n = 1000
	for i := range n {
		text := fmt.Sprint("fault-", i)
		if _, err := h.Handle(t.Context(), &workerpool.Task{Service: "svc", Attempt: "abc", Data: []byte(text)}); err == nil || err.Error() != text {
			t.Errorf("error %v, want %s", err, text)
		}
	}
	logged := strings.Count(log.String(), "\n")
	if logged < 10 || logged == n || !strings.Contains(log.String(), "service=svc attempt=abc error=fault-0\n") {
		t.Errorf("of %d failures %d are logged:\n%s", n, logged, log.String())
	}
}
