package node

import (
	"time"

	"github.com/nats-io/nats.go"
)

// An existing NATS tells nobody that it allows less than it did: not when its largest
// payload is set anew, nor that of an account. It cuts off who sends more, and the NATS
// library does not connect again then. So the node does: on each connection it is told
// anew.

// reopen begins to connect to an existing NATS whose connection was closed for good.
// Until that is done the node goes on alone.
func (l *loop) reopen(why error) {
	l.log.Warn("connecting to the cloud plane anew", "error", why)
	l.lookAtCloud()
	l.beside.Go(func() {
		select {
		case <-time.After(reconnectWait): // it may be cut off again
		case <-l.life.Done():
			return
		}
		nc, err := l.node.cloud.signIn()
		if err != nil { // not for want of an answer
			select {
			case l.plane.closed <- err:
			case <-l.life.Done():
			}
			return
		}
		select {
		case l.reopened <- nc:
		case <-l.life.Done():
			nc.Close()
		}
	})
}

// moveTo takes another connection to the existing NATS for that which was closed. If it
// was cut off again by now, that is told as the first time was.
func (l *loop) moveTo(nc *nats.Conn) error {
	l.plane.cloud.RemoveStatusListener(l.status)
	l.node.cloud.conn, l.plane.cloud = nc, nc
	l.watchCloud()
	if over, err := l.plane.link.Over(nc); err == nil {
		l.plane.link = over
	} else if !nc.IsClosed() {
		return err
	}
	l.lookAtCloud()
	return nil
}

// watchCloud watches the connection to the cloud plane.
func (l *loop) watchCloud() {
	nc := l.plane.cloud
	l.status = nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	if l.node.cloud.server == nil {
		l.beside.Go(func() { l.pulse(l.life, nc) })
	}
}
