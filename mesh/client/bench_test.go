package client_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh/client"
)

// One request after the other, answered by a bare responder. "nats" is the same by
// the NATS library's own request, with the same headers.
func BenchmarkDo(b *testing.B) {
	n := startAbsent(b, 0)
	n.echo()
	c, nc := n.on()
	ctx := patiently(b)
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Do(ctx, client.Request{Data: []byte("x")}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nats", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := &nats.Msg{Subject: "localfe", Data: []byte("x"), Header: nats.Header{nats.MsgIdHdr: {"1"}, "Mesh-Timeout": {"30.000s"}}}
			if _, err := nc.RequestMsgWithContext(ctx, m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
