package node_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
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
		var clients sync.WaitGroup
		for range workers {
			clients.Go(func() {
				for range each {
					_, err := m.Node("DC1").RequestMsgWithContext(t.Context(), &nats.Msg{Subject: mesh.SubjectRequest, Data: []byte("x")})
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		clients.Wait()
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
	if grown := (heap() - before) >> 10 / workers; grown > 30 {
		t.Errorf("%d KiB more for each worker after %d tasks", grown, tasks)
	} else {
		t.Logf("%d KiB more for each worker", grown)
	}
}
