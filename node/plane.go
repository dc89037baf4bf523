package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/brokermesh/brokermesh/mesh/link"
)

// plane is the node's own connections. Dispatches to workers and their answers
// go over local and nothing else: so they keep their order, and the server's
// word that a dispatch found no subscriber reaches the node.
type plane struct {
	local  *nats.Conn
	system *nats.Conn // the system account of the local server
	cloud  *nats.Conn
	link   *link.Link
	log    *slog.Logger
	closed chan error // holds why one of them was closed for good
	cut    chan error // the same of that to an existing NATS
}

// onClosed tells that a connection was closed for good: the NATS library does not
// connect again if the server says that it was sent what it does not understand, or is too
// large for it.
func onClosed(to chan<- error, what string) nats.Option {
	return nats.ClosedHandler(func(nc *nats.Conn) {
		select {
		case to <- fmt.Errorf("the node's own connection to %s was closed: %w", what, cmp.Or(nc.LastError(), nats.ErrConnectionClosed)):
		default: // it is not the first, or the node has ended
		}
	})
}

// onError logs what the NATS library cannot return from a call. A node that
// falls behind so far that messages are dropped is in trouble, and says so.
func (p *plane) onError() nats.Option {
	bound := rate.Sometimes{Interval: complaintEvery}
	return nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		bound.Do(func() {
			subject := ""
			if sub != nil {
				subject = clip(sub.Subject)
			}
			if errors.Is(err, nats.ErrSlowConsumer) {
				p.log.Error("messages were dropped: the node cannot keep up", "subject", subject)
				return
			}
			p.log.Error("connection of the node", "subject", subject, "error", err)
		})
	})
}
