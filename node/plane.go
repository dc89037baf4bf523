package node

import (
	"errors"
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
