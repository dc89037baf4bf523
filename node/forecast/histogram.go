package forecast

import (
	"math/bits"
	"time"
)

// Histogram counts durations, in buckets that are narrower than 0.8 % of what
// is in them. The zero value is empty.
type Histogram struct {
	buckets []uint32
	count   uint64
	sum     float64
}

// mantissa is how many bits of a duration are kept below its first one.
const mantissa = 7

// bucket returns where a duration is counted: exactly below 2^mantissa ns, by
// its first bits above.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(0, bits.Len64(v)-mantissa-1)
	return shift<<mantissa + int(v>>shift)
}

// middle returns the middle of a bucket.
func middle(b int) time.Duration {
	shift := max(0, b>>mantissa-1)
	v := uint64(b-shift<<mantissa) << shift
	return time.Duration(v + (1<<shift)/2)
}

func (h *Histogram) add(d time.Duration) {
	b := bucket(d)
	for b >= len(h.buckets) {
		h.buckets = append(h.buckets, make([]uint32, 1<<mantissa)...)
	}
	h.buckets[b]++
	h.count++
	h.sum += float64(d)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() uint64 { return h.count }

// Mean returns the mean, 0 of none.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.count))
}

// Quantile returns what the part q, from 0 to 1, of the durations do not
// exceed, to half a bucket; 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.count))
	seen := uint64(0)
	for b, n := range h.buckets {
		if seen += uint64(n); n > 0 && seen > rank {
			return middle(b)
		}
	}
	for b := len(h.buckets) - 1; b >= 0; b-- {
		if h.buckets[b] > 0 {
			return middle(b)
		}
	}
	return 0
}

// Above returns the part of the durations that exceed d.
func (h *Histogram) Above(d time.Duration) float64 {
	if h.count == 0 {
		return 0
	}
	n := uint64(0)
	for b := bucket(d) + 1; b < len(h.buckets); b++ {
		n += uint64(h.buckets[b])
	}
	return float64(n) / float64(h.count)
}
