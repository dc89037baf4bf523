package node_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// sluice is a way to a server that can be shut: connections stay, and nothing
// passes any more, as behind a switch that died.
type sluice struct {
	addr string // where it is entered
	at   []byte // what shuts it; empty: nothing does by itself
	dry  atomic.Bool

	cutting atomic.Bool // whoever is answered at a ping is cut off for good with that
	cuts    atomic.Int32
}

// newSluice opens a way to an address, until the test ends. The first bytes that
// contain at, if that is not "", shut it.
func newSluice(t testing.TB, to, at string) *sluice {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sluice{addr: listener.Addr().String(), at: []byte(at)}
	var flows sync.WaitGroup
	ended := make(chan struct{})
	flows.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				t.Error(err)
				in.Close()
				continue
			}
			flows.Go(func() { s.flow(out, in) })
			flows.Go(func() { s.flow(in, out) })
			flows.Go(func() { // nats.go does not close what it gave up to connect to
				<-ended
				in.Close()
				out.Close()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(ended)
		flows.Wait()
	})
	return s
}

func (s *sluice) shut() { s.dry.Store(true) }

// flow carries bytes one way until either side ends.
func (s *sluice) flow(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	for buf := make([]byte, 32<<10); ; {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if len(s.at) > 0 && bytes.Contains(buf[:n], s.at) {
			s.shut()
		}
		if s.dry.Load() {
			continue
		}
		if s.cutting.Load() && to.LocalAddr().String() == s.addr && bytes.Contains(buf[:n], []byte("PONG\r\n")) {
			s.cuts.Add(1)
			_, _ = to.Write(append(buf[:n:n], "-ERR 'Failed Account Registration'\r\n"...))
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
