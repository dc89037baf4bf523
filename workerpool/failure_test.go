package workerpool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brokermesh/brokermesh/workerpool"
)

// Failures are passed on, each, and logged, some, and how many are not.
func TestLogFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
		fail := func(text string) {
			if _, err := h.Handle(t.Context(), &workerpool.Task{Service: "svc", Attempt: "abc", Data: []byte(text)}); err == nil || err.Error() != text {
				t.Errorf("error %v, want %s", err, text)
			}
		}
		for i := range 1000 {
			fail(fmt.Sprint("fault-", i))
		}
		logged := strings.Count(log.String(), "\n")
		if logged < 10 || logged == 1000 || !strings.Contains(log.String(), "service=svc attempt=abc error=fault-0\n") {
			t.Errorf("of 1000 failures %d are logged:\n%s", logged, log.String())
		}
		time.Sleep(2 * time.Second)
		log.Reset()
		fail("later")
		fail("latest")
		if want := fmt.Sprintf("error=later not_logged=%d\n", 1000-logged); !strings.Contains(log.String(), want) || !strings.HasSuffix(log.String(), "error=latest\n") {
			t.Errorf("logged is\n%s\nwant %s", log.String(), want)
		}
	})
}
