package node

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// intake is where clients' requests wait until the loop looks at them. The loop
// takes them from the channel that the NATS library fills, which knows no bytes
// and drops what does not fit. So a guard looks at it from time to time while the
// loop is at work: if it lags behind, the guard puts aside what has come, and
// refuses what is too much. While the loop waits nothing is left there, and the
// guard would only wake an idle process.
type intake struct {
	arrived chan *nats.Msg
	more    chan struct{} // holds one if something was put aside and the loop may sleep
	busy    atomic.Bool   // the loop is at work
	look    *time.Timer   // when the guard looks
	nc      *nats.Conn
	fault   nats.Header // of a refusal
	refused atomic.Uint64

	some  atomic.Bool // something was put aside
	mu    sync.Mutex  // of the following
	aside backlog

	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

const (
	// unread is how many requests the library may have for the node; beyond it
	// it drops. At a million a second it is full after three looks of the guard.
	unread     = 1 << 16
	guardEvery = 20 * time.Millisecond
	// lag is how many requests are nothing to worry about, however large.
	lag = 64
)

func newIntake(nc *nats.Conn, name string) *intake {
	fault := mesh.ErrorHeader(mesh.CodeQueueFull, "more requests wait than node "+name+" can look at")
	fault[mesh.HeaderNode] = []string{name}
	return &intake{
		arrived: make(chan *nats.Msg, unread), more: make(chan struct{}, 1), look: time.NewTimer(guardEvery), stop: make(chan struct{}), nc: nc, fault: fault,
	}
}

// works notes that the loop is at work, and waits that it waits for something to
// do. Both are the loop's to call, for each time that it is woken.
func (in *intake) works() {
	in.busy.Store(true)
	in.look.Reset(guardEvery)
}

func (in *intake) waits() {
	in.busy.Store(false)
	in.look.Stop()
}

// guard begins to look after the channel, until end.
func (in *intake) guard() {
	in.stopped.Go(func() {
		defer in.look.Stop()
		for {
			select {
			case <-in.look.C:
			case <-in.stop:
				return
			}
			if len(in.arrived) > lag || in.some.Load() {
				in.putAside()
			}
			if in.busy.Load() {
				in.look.Reset(guardEvery)
			}
		}
	})
}

// end stops the guard, and waits until it has stopped. It may be called twice.
func (in *intake) end() {
	in.once.Do(func() { close(in.stop) })
	in.stopped.Wait()
}

// putAside takes what has come out of the channel.
func (in *intake) putAside() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for range len(in.arrived) {
		select {
		case m := <-in.arrived:
			if in.aside.put(m) {
				continue
			}
			in.refused.Add(1)
			if m.Reply != "" { // a connection that is gone has taken its clients along
				_ = in.nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: in.fault})
			}
		default:
		}
	}
	in.tell()
}

// tell sees to it that the loop comes for what was put aside.
func (in *intake) tell() {
	if in.some.Store(len(in.aside.msgs) > 0); len(in.aside.msgs) > 0 {
		select {
		case in.more <- struct{}{}:
		default: // it will
		}
	}
}

// next returns the oldest request, nil if there is none.
func (in *intake) next() *nats.Msg {
	if in.some.Load() {
		if m := in.back(); m != nil {
			return m
		}
	}
	select {
	case m := <-in.arrived:
		return m
	default:
		return nil
	}
}

// back returns the oldest request that was put aside, nil if there is none.
func (in *intake) back() *nats.Msg {
	in.mu.Lock()
	defer in.mu.Unlock()
	m := in.aside.take()
	if m == nil {
		return nil
	}
	in.tell()
	return m
}

// waiting is how many requests the loop has not looked at.
func (in *intake) waiting() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.aside.msgs) + len(in.arrived)
}

// clientOf tells clients apart, as far as that can be: by what their reply
// subjects have in common. A library's connection has a prefix of its own.
func clientOf(reply string) string { return reply[:max(0, strings.LastIndexByte(reply, '.'))] }
