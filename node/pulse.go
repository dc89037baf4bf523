package node

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// pulseEvery is the pause between two looks whether the link to an existing NATS is
// alive: by so much later a silent peer may be declared dead.
const pulseEvery = 100 * time.Millisecond

// pulse tells the loop again and again that the link to an existing NATS is alive. The
// library's own pings tell when it is dead, after two to three seconds; by then peers
// may have been silent for longer than they may, and it is not their fault.
func (l *loop) pulse(ctx context.Context, nc *nats.Conn) {
	for !nc.IsClosed() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pulseEvery):
		}
		if !nc.IsConnected() {
			continue
		}
		within, cancel := context.WithTimeout(ctx, flushTimeout)
		err := nc.FlushWithContext(within)
		cancel()
		if err != nil {
			continue
		}
		select {
		case l.alive <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}
