package node

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// subscribe opens the local flow, then the cloud flow, to everybody.
func (l *loop) subscribe() error {
	for _, s := range []struct {
		subject string
		to      chan *nats.Msg
	}{
		{l.fences.subject + "*", l.answers},
		{mesh.SubjectDone, l.answers},
		{mesh.SubjectDone + ".*", l.answers},
		{mesh.SubjectLeave, l.readies},
		{mesh.SubjectReady, l.readies},
		{mesh.SubjectReady + ".>", l.readies},
		{mesh.SubjectRequest, l.clients.arrived},
		{mesh.SubjectRequest + ".>", l.clients.arrived},
		{mesh.SubjectCloud + "*", l.clients.arrived},
		{mesh.SubjectWhy, l.clients.arrived},
	} {
		sub, err := l.plane.local.ChanSubscribe(s.subject, s.to)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", s.subject, err)
		}
		l.subs = append(l.subs, sub)
		if s.to == l.answers {
			l.lossless.subs = append(l.lossless.subs, sub)
		}
	}
	if err := l.fences.watch(l.plane.system, l.node.ended); err != nil {
		return fmt.Errorf("subscribe to disconnect events: %w", err)
	}
	if err := l.plane.link.Join(); err != nil {
		return err
	}
	for _, nc := range []*nats.Conn{l.plane.local, l.plane.system} {
		if err := nc.FlushTimeout(startTimeout); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	if !l.plane.cloud.IsConnected() {
		return nil // an existing NATS that cannot be reached now
	}
	err := l.plane.cloud.FlushTimeout(flushTimeout)
	if err != nil && l.node.cloud.server != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	l.told(err) // it was lost just now: nats.go subscribes when it is back
	// A refusal counts from now, before the node is announced, and not when the library
	// gets to telling it.
	l.node.cloud.rights.note(l.plane.cloud.LastError())
	return nil
}

// lossless is the subscriptions to what nobody says again. The NATS library drops
// what does not fit into the channel of the loop.
type lossless struct {
	subs    []*nats.Subscription
	dropped int
}

// lost reports whether something was dropped since the last look.
func (s *lossless) lost() bool {
	dropped := 0
	for _, sub := range s.subs {
		if n, err := sub.Dropped(); err == nil { // it fails if the subscription has ended
			dropped += n
		}
	}
	before := s.dropped
	s.dropped = max(before, dropped)
	return dropped > before
}
