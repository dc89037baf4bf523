package dispatch

import (
	"fmt"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
)

// A state lists so many services, and clients, who can name what they like, crowd out
// none that has a worker.
func TestLoadsAreBounded(t *testing.T) {
	for _, c := range []struct{ served, asked, want, unserved int }{
		{300, 300, 300 + maxWorkerless, maxWorkerless},
		{300, maxWorkerless - 1, 300 + maxWorkerless, maxWorkerless}, // with the default one
		{mesh.MaxServices + 10, 300, mesh.MaxServices, 1},
	} {
		core := benchmarkCore()
		for i := range c.served {
			core.Ready(0, Ready{ID: WorkerID{Inbox: fmt.Sprint("w", i), Client: 1}, Service: fmt.Sprint("a", i)}, nil)
		}
		for i := range c.asked {
			core.Request(0, Request{Service: fmt.Sprint("b", i)}, nil)
		}
		loads, unserved := core.Loads(0), 0
		for _, l := range loads {
			if l.Workers == 0 {
				unserved++
			}
		}
		if len(loads) != c.want || unserved != c.unserved {
			t.Errorf("%+v: %d are listed, %d without a worker", c, len(loads), unserved)
		}
	}
}
