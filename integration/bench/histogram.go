package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 1/32 of their value wide, or
// less.
type histogram []uint32

const steps = 5 // bits of a value that tell buckets apart, after the first

func (h *histogram) count(d time.Duration) {
	i := bucket(d)
	if i >= len(*h) {
		*h = append(*h, make([]uint32, i+1-len(*h))...)
	}
	(*h)[i]++
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<steps {
		return int(v)
	}
	shift := bits.Len64(v) - steps - 1
	return (shift+1)<<steps + int(v>>shift) - 1<<steps
}

// lower is the least duration of a bucket.
func lower(i int) time.Duration {
	if i < 1<<steps {
		return time.Duration(i)
	}
	shift := i>>steps - 1
	return time.Duration((1<<steps + i&(1<<steps-1)) << shift)
}

func (h *histogram) add(o *histogram) {
	if len(*o) > len(*h) {
		*h = append(*h, make([]uint32, len(*o)-len(*h))...)
	}
	for i, n := range *o {
		(*h)[i] += n
	}
}

func (h histogram) total() (n uint64) {
	for _, m := range h {
		n += uint64(m)
	}
	return n
}

// quantile is a duration that the given part of all does not exceed, up to the
// width of a bucket.
func (h histogram) quantile(part float64) time.Duration {
	left := uint64(part * float64(h.total()))
	for i, n := range h {
		if uint64(n) > left {
			return (lower(i) + lower(i+1)) / 2
		}
		left -= uint64(n)
	}
	return lower(len(h))
}
