package mesh

import (
	"math"
	"testing"
	"time"
)

func TestRecent(t *testing.T) {
	var r Recent
	if r.Value(time.Hour) != 0 {
		t.Error("something has happened before the first event")
	}
	r.Add(time.Second)
	r.Add(time.Second)
	for age, want := range map[time.Duration]float64{0: 2, time.Second: 2 / math.E, 100 * time.Second: 0} {
		if got := r.Value(time.Second + age); math.Abs(got-want) > 1e-9 {
			t.Errorf("after %v: %v, want %v", age, got, want)
		}
	}
	if r.Add(2 * time.Second); math.Abs(r.Value(2*time.Second)-1-2/math.E) > 1e-9 {
		t.Errorf("with one more: %v", r.Value(2*time.Second))
	}
}
