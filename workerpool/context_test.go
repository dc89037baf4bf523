package workerpool

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Whether a context is asked for before it ends or after, it says the same, as do
// those derived from it. Only its first end counts.
func TestTaskContext(t *testing.T) {
	type key struct{}
	why := errors.New("the node gave the task up")
	for _, c := range []struct {
		cause, want error
	}{{why, why}, {nil, context.Canceled}} {
		for _, late := range []bool{false, true} {
			ctx := &taskContext{values: context.WithValue(context.Background(), key{}, "value")}
			if late {
				ctx.cancel(c.cause)
			} else if ctx.Err() != nil || context.Cause(ctx) != nil {
				t.Fatalf("ended before its end: %v", ctx.Err())
			}
			derived, stop := context.WithTimeout(ctx, time.Hour)
			defer stop()
			if !late {
				ctx.cancel(c.cause)
			}
			ctx.cancel(errors.New("again"))
			for which, got := range map[string]context.Context{"itself": ctx, "derived": derived} {
				<-got.Done()
				if got.Err() != context.Canceled || context.Cause(got) != c.want || got.Value(key{}) != "value" {
					t.Errorf("late %t, %s: %v because of %v, value %v", late, which, got.Err(), context.Cause(got), got.Value(key{}))
				}
			}
			if _, limited := ctx.Deadline(); limited {
				t.Error("it has a deadline")
			}
		}
	}
}
