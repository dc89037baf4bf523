package mesh

import (
	"testing"
	"time"
)

// The two headers of a delegated task, written and read.
func BenchmarkCapacity(b *testing.B) {
	c := Capacity{Node: "DC1", Incarnation: 1 << 60, Sequence: 123456, Service: "resize", Workers: 100, Idle: 17, Waiting: 4}
	text := string(c.AppendText(nil))
	b.Run("append", func(b *testing.B) {
		var to [192]byte
		b.ReportAllocs()
		for b.Loop() {
			c.AppendText(to[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseCapacity(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDelegation(b *testing.B) {
	d := Delegation{
		Origin: "DC1", Incarnation: 1 << 60, Service: "resize", Age: time.Second, Left: time.Minute,
		Attempt: Attempt{Incarnation: 1 << 60, Slot: 7, Generation: 1234, Random: 1 << 50},
	}
	text := string(d.AppendText(nil))
	b.Run("append", func(b *testing.B) {
		var to [256]byte
		b.ReportAllocs()
		for b.Loop() {
			d.AppendText(to[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseDelegation(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
