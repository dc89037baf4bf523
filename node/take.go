package node

import (
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// burst is how many messages of each flow are taken before the timer is
	// looked at.
	burst = 256
	// flushTimeout bounds the wait for a server, which is mostly in this very
	// process.
	flushTimeout = 5 * time.Second
)

// take, takeCloud and takeCall give one message to the core and carry out what it
// says.
func (l *loop) take(m *nats.Msg)      { l.apply(l.fromLocal(l.now(), m, l.fx[:0])) }
func (l *loop) takeCloud(m *nats.Msg) { l.apply(l.fromCloud(l.now(), m, l.fx[:0])) }
func (l *loop) takeCall(c *call) {
	if !gone(c) {
		l.apply(l.onRequest(l.now(), c, l.fx[:0]))
	}
}

// takeMore takes what has already arrived, up to a bound, in a cheaper way than
// the loop's big select. It goes round, so that no flow waits for the end of
// another.
func (l *loop) takeMore() {
	for range burst {
		none := true
		for more := true; more; {
			select {
			case client := <-l.fences.ended:
				l.onEnded(client)
			default:
				more = false
			}
		}
		select {
		case m := <-l.answers:
			l.take(m)
			none = false
		default:
		}
		select {
		case m := <-l.readies:
			l.take(m)
			none = false
		default:
		}
		select {
		case m := <-l.plane.link.Messages():
			l.takeCloud(m)
			none = false
		default:
		}
		select {
		case c := <-l.calls:
			l.takeCall(c)
			none = false
		default:
		}
		if m := l.clients.next(); m != nil {
			l.take(m)
			none = false
		}
		if none {
			return
		}
	}
}

// takeAll takes what has arrived by now.
func (l *loop) takeAll() {
	for range max(len(l.answers), len(l.readies), l.clients.waiting(), len(l.calls), len(l.plane.link.Messages()))/burst + 1 {
		l.takeMore()
	}
}

// flush waits until the servers have what was sent, and the node what they had for
// it. The error is the local server's: the cloud plane may be lost at any time, and
// peers find out by themselves what did not reach them, so that is told in the log.
func (l *loop) flush() error {
	err := l.flushLocal()
	if !l.alone {
		lost := l.plane.cloud.FlushTimeout(flushTimeout)
		l.lookAtCloud()
		l.told(lost)
	}
	return err
}

// flushLocal is flush for the local server alone.
func (l *loop) flushLocal() error {
	l.clients.works() // the server may take its time
	return l.plane.local.FlushTimeout(flushTimeout)
}
