package node_test

import (
	"runtime"
	"testing"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The server keeps nothing of an answer for the connection it came on. Of subjects
// that are new each time it keeps the last 512, some 90 KiB for each worker. (Not in
// parallel: the heap has to be this test's.)
func TestAnswersLeaveNothingBehind(t *testing.T) {
	m := nodetest.Start(t, 1)
	const workers, tasks = 20, 600 // of each
	for range workers {
		m.Work("DC1", 1, echo) // on a connection of its own
	}
	do := func(each int) {
		for range workers * each { // in turns: the least recently used is next
			if got := receive(t, call(t.Context(), m.Node("DC1"), task("x"))); got.err != nil {
				t.Fatal(got.err)
			}
		}
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // pools let go at the second
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	do(10)
	before := heap()
	do(tasks)
	grown := (heap() - before) >> 10 / workers
	t.Logf("%d KiB more for each worker after %d tasks", grown, tasks)
	if grown > 30 {
		t.Error("that is too much")
	}
}
