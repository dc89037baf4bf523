package node

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// fromCloud gives a message of the cloud plane to the core.
func (l *loop) fromCloud(now time.Duration, m *nats.Msg, fx []dispatch.Effect) []dispatch.Effect {
	e, err := l.plane.link.Read(m)
	if err != nil {
		l.complaints.add(now, "malformed message on the cloud plane", "subject", clip(m.Subject), "fault", clip(err.Error()))
		if m.Subject == mesh.CloudSubject(l.cfg.Name) {
			l.told(l.plane.link.Reject(m, mesh.CodeBadRequest, clip(err.Error())))
		}
		return fx
	}
	if e.Capacity.Node != "" {
		fx = l.core.PeerCapacity(now, e.Capacity, fx)
	}
	switch e.Kind {
	case link.State:
		return l.onState(now, e, fx)
	case link.Probe:
		return l.request(now, m, "", true, fx)
	case link.Task:
		return l.onGuest(now, e, fx)
	case link.Answered:
		return l.core.Answered(now, e.Attempt, m, fx)
	case link.Returned:
		return l.core.Returned(now, e.Attempt, e.Losses, fx)
	case link.Unreachable:
		return l.core.Unreachable(now, e.Attempt, fx)
	case link.Held:
		missing, fx := l.core.NotHeld(now, e.Attempts, fx)
		l.told(l.plane.link.Tell(m, missing, l.core.Capacity(now, "", "")))
		return fx
	case link.Unanswered:
		l.core.NoAnswer(now, e.Peer)
	case link.NotHeld:
		return l.core.Missing(now, e.Peer, e.Attempts, fx)
	case link.Relayed:
		l.onRelayed(e)
	case link.Who:
		l.told(l.plane.link.Identify(m, l.claim.Identity(l.cfg.Name, now)))
	}
	return fx
}

// lookAtCloud notes whether the cloud plane can be reached and used. Without it the
// node goes on alone. When it is back, anybody may have taken our name meanwhile.
func (l *loop) lookAtCloud() {
	now, reached, refused := l.now(), l.plane.cloud.IsConnected(), l.node.cloud.rights.missing()
	if refused != l.refused && refused != "" {
		l.log.Error("the cloud plane does not let the node do what it needs; going on alone until it does", "refused", refused)
	}
	l.refused = refused
	switch usable := reached && refused == ""; {
	case usable && l.alone:
		l.alone = false
		l.log.Info("the cloud plane is back", "cloud", mesh.RedactURLs(l.plane.cloud.ConnectedUrl()))
		l.apply(l.core.CloudBack(now, l.fx[:0]))
		l.checkName(now)
	case !usable && !l.alone:
		l.alone = true
		if refused == "" {
			l.log.Warn("the cloud plane cannot be reached; going on alone until it can", "cloud", mesh.RedactURLs(l.node.cloud.url))
		}
		l.core.CloudLost()
	}
}

// checkPlane tells when the existing NATS is the local port of a node. States come from
// there, so peers seem to be here, but this node's reach nobody. The name of the server
// says so; it is believed if its incarnation is that of the peer, which no other server
// hits upon.
func (l *loop) checkPlane() {
	id, local := strings.CutSuffix(l.plane.cloud.ConnectedServerName(), localSuffix)
	i := strings.LastIndexByte(id, '-')
	if !local || i < 0 {
		return
	}
	name := id[:i]
	run, err := mesh.ParseIncarnation(id[i+1:])
	if err != nil || run != l.core.PeerRun(name) && run != l.node.incarnation {
		return
	}
	l.misled.Do(func() {
		l.log.Warn(variable("CloudURL")+" names a port for clients and workers, where no node hears of this one; it takes an existing NATS, or the "+variable("CloudListen")+" of another node",
			"address", mesh.RedactURLs(l.plane.cloud.ConnectedUrl()), "of", name)
	})
}

// onState takes a peer's state and passes it on to those who watch on the local
// port. One that bears our own name is the sign of a name conflict.
func (l *loop) onState(now time.Duration, e link.Event, fx []dispatch.Effect) []dispatch.Effect {
	if e.State.Name == l.cfg.Name {
		if e.Incarnation != l.node.incarnation && !e.State.Leaving {
			l.complaints.add(now, "a state that claims to be ours: asking whether another node has this name")
			l.checkName(now)
		}
		return fx
	}
	l.publish(&nats.Msg{Subject: mesh.StateSubject(e.State.Name), Data: e.Message.Data})
	return l.core.PeerState(now, e.Incarnation, e.State, fx)
}

// onGuest takes a task that a peer delegates.
func (l *loop) onGuest(now time.Duration, e link.Event, fx []dispatch.Effect) []dispatch.Effect {
	if e.Message.Reply == "" || e.Delegation.Origin == l.cfg.Name {
		l.complaints.add(now, "delegated task of no origin", "origin", e.Delegation.Origin)
		return fx
	}
	if len(e.Message.Data) > MaxTask {
		l.refuse(e.Message, mesh.CodeBadRequest, tooLarge("payload", len(e.Message.Data), MaxTask))
		return fx
	}
	stripMesh(e.Message.Header)
	if fault := headerFault(e.Message.Header); fault != "" {
		l.refuse(e.Message, mesh.CodeBadRequest, fault)
		return fx
	}
	e.Message.Header = asked(e.Message.Header, e.Delegation.Left > 0)
	return l.core.Guest(now, e.Delegation, e.Message, fx)
}
