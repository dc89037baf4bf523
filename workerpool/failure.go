package workerpool

import (
	"context"
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// How many failures are logged: so many a second, after a burst.
const (
	failureRate  = 1
	failureBurst = 10
)

// LogFailures returns a handler that does as h does, and logs each error that h
// returns: clients hear of it, but those who run workers need to know, too. Of a
// flood it logs some, and how many it left out before them.
func LogFailures(h Handler, log *slog.Logger) Handler {
	limit := rate.NewLimiter(failureRate, failureBurst)
	var silent atomic.Uint64
	return HandlerFunc(func(ctx context.Context, t *Task) ([]byte, error) {
		answer, err := h.Handle(ctx, t)
		switch {
		case err == nil:
		case limit.Allow():
			details := []any{"service", t.Service, "attempt", t.Attempt, "error", err}
			if n := silent.Swap(0); n > 0 {
				details = append(details, "not_logged", n)
			}
			log.Warn("a task failed", details...)
		default:
			silent.Add(1)
		}
		return answer, err
	})
}
