package main

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	last := -1
	for d := time.Duration(0); d < time.Hour; d += d/100 + 1 {
		i := bucket(d)
		if i < last || lower(i) > d || lower(i+1) <= d {
			t.Fatalf("%d is in bucket %d, which begins at %d; the one before was %d", d, i, lower(i), last)
		}
		if width := lower(i+1) - lower(i); width > 1 && width > d/(1<<steps) {
			t.Fatalf("the bucket of %d is %d wide", d, width)
		}
		last = i
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var h, more histogram
	for i := range 1000 {
		h.count(time.Duration(i) * time.Millisecond)
		more.count(time.Duration(i+1000) * time.Millisecond)
	}
	h.add(&more)
	for part, want := range map[float64]time.Duration{0: 0, 0.5: time.Second, 0.99: 1980 * time.Millisecond} {
		if got := h.quantile(part); got < want-want/20 || got > want+want/20 {
			t.Errorf("quantile %v is %v, not %v", part, got, want)
		}
	}
	if h.total() != 2000 {
		t.Errorf("%d in all", h.total())
	}
}
