package node

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// apply carries out effects in their order. An effect that fails is an input of
// its own, whose effects join the end.
func (l *loop) apply(fx []dispatch.Effect) {
	for i := 0; i < len(fx); i++ {
		switch e := &fx[i]; e.Do {
		case dispatch.Dispatch:
			fx = l.dispatch(e, fx)
		case dispatch.Cancel:
			l.cancel(e)
		case dispatch.Reply:
			l.reply(e)
		case dispatch.Refuse:
			l.refuse(e.Task, e.Code, e.Reason)
		case dispatch.Delegate:
			fx = l.delegate(e, fx)
		case dispatch.Return:
			l.told(l.plane.link.Return(e.Task.(*nats.Msg), e.Losses, e.Reason, l.core.Capacity(l.now(), e.Service, e.To)))
		case dispatch.Drop:
			l.dropped(e)
		case dispatch.Ask:
			l.told(l.plane.link.Ask(e.To, e.Attempts))
		case dispatch.Announce:
			l.announce(e.News)
		case dispatch.Follow:
			l.told(l.plane.link.Follow(e.To))
		case dispatch.Unfollow:
			l.told(l.plane.link.Unfollow(e.To))
		}
	}
	clear(fx) // lets go of the messages
	l.fx = fx[:0]
}

// told logs that a cloud message could not be sent. Nothing else is to be done:
// the protocol takes any of them for lost, and finds out.
func (l *loop) told(err error) {
	if err != nil && !l.alone {
		l.complaints.add(l.now(), "cannot send on the cloud plane", "error", err)
	}
}

// dispatch sends a task to a worker. What it may say about the client's time is
// how much of it is left.
func (l *loop) dispatch(e *dispatch.Effect, fx []dispatch.Effect) []dispatch.Effect {
	task := messageOf(e.Task)
	if e.Left > 0 { // then there are headers
		task.Header[mesh.HeaderTimeout] = []string{mesh.FormatTimeout(e.Left)}
	}
	l.out = nats.Msg{Subject: e.To, Reply: mesh.DoneSubject(e.Attempt), Header: task.Header, Data: task.Data}
	err := l.plane.local.PublishMsg(&l.out)
	delete(task.Header, mesh.HeaderTimeout)
	if err != nil {
		l.complaints.add(l.now(), "cannot dispatch", "error", err)
		return l.core.Undelivered(l.now(), e.Attempt, fx)
	}
	return fx
}

// dropped tells of a task that nobody waits for any more.
func (l *loop) dropped(e *dispatch.Effect) {
	if e.Guest {
		l.complaints.add(l.now(), "dropped a task of a peer that is gone", "peer", e.To)
		return
	}
	l.complaints.add(l.now(), "dropped a task of a client that is gone", "service", e.Service, "reply", clip(messageOf(e.Task).Reply))
}

// cancel tells a worker that its task counts no more, in the words of an error
// reply.
func (l *loop) cancel(e *dispatch.Effect) {
	header := mesh.ErrorHeader(e.Code, e.Reason)
	header[mesh.HeaderAttempt] = []string{e.Attempt.String()}
	l.publish(&nats.Msg{Subject: e.To, Header: header})
}

// delegate sends a task to a peer.
func (l *loop) delegate(e *dispatch.Effect, fx []dispatch.Effect) []dispatch.Effect {
	d := mesh.Delegation{
		Origin: l.cfg.Name, Incarnation: l.node.incarnation, Attempt: e.Attempt, Service: e.Service,
		Age: e.Age, Left: e.Left, Losses: e.Losses, Number: e.Number, Patience: e.Patience,
	}
	if err := l.plane.link.Delegate(e.To, messageOf(e.Task), d, l.core.Capacity(l.now(), e.Service, e.To)); err != nil {
		l.told(err)
		if errors.Is(err, nats.ErrMaxPayload) { // an existing NATS, which allows less than it did
			return l.core.TooLarge(l.now(), e.Attempt, fx)
		}
		return l.core.Unreachable(l.now(), e.Attempt, fx)
	}
	return fx
}

// announce publishes the node's state, to all peers or as news to those that
// follow this node, and in any case to those who watch on the local port. No peer is to
// hear of a node that does not hear it.
func (l *loop) announce(news bool) {
	s := l.core.State(l.now())
	s.SentAt = time.Now().UTC()
	if l.node.processes != nil {
		status := l.node.processes.Status()
		s.Processes = &status.Processes
	}
	var data []byte
	var err error
	if l.node.cloud.rights.deaf() {
		data, err = json.Marshal(s)
	} else {
		data, err = l.plane.link.Announce(s, news)
	}
	l.told(err)
	if data != nil {
		l.publish(&nats.Msg{Subject: mesh.StateSubject(l.cfg.Name), Data: data})
	}
}
