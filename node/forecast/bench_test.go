package forecast

import (
	"fmt"
	"testing"
)

// BenchmarkTasks is what one task of the code that serves costs, all included.
func BenchmarkTasks(b *testing.B) {
	for _, size := range [][2]int{{12, 100}, {1000, 20}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			c := DefaultConfig()
			c.Nodes, c.Workers, c.Load, c.Hot, c.Tasks = size[0], size[1], 0.9, 2, max(b.N, 1)
			b.ReportAllocs()
			if _, err := Run(c); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
