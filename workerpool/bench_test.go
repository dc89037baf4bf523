package workerpool_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

// BenchmarkTask measures one task from dispatch to answer, through the server
// and with the cost of the test's side.
func BenchmarkTask(b *testing.B) {
	n, nc, _ := setup(b)
	run(b, nc, workerpool.Config{}, echo)
	dispatch := &nats.Msg{Subject: n.next(mesh.SubjectReady).Reply, Reply: "localbe.done.x", Data: make([]byte, 128)}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.nc.PublishMsg(dispatch); err != nil {
			b.Fatal(err)
		}
		<-n.heard
	}
}
