package node

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// The bridge lets people on the local port reach a node by its name. Requests
// cross as requests, without any header of the mesh but the deadline: a local
// client can forge neither state nor a delegated task.

// relay is a local client that waits for the answer of another node.
type relay struct {
	request *nats.Msg // without what was passed on
	expires time.Duration
	peer    mesh.Incarnation // of the node that has it; 0: not looked at yet, or no node of the mesh
	absent  int              // looks in a row that found nobody at its reply subject
}

// node is the name of the node that was asked.
func (r relay) node() string { return r.request.Subject[len(mesh.SubjectCloud):] }

// relays are the requests that were passed on and not answered yet.
type relays struct {
	waiting map[string]relay
	last    uint64
}

const (
	maxRelays    = 10_000
	relayExpiry  = time.Hour // of a request that named no deadline
	relayOverrun = time.Second
	relayLooks   = 6 // a second apart; a client that lost its connection is back after 2
)

// onBridge takes a request on cloud.<name> from the local port.
func (l *loop) onBridge(now time.Duration, m *nats.Msg, fx []dispatch.Effect) []dispatch.Effect {
	name := m.Subject[len(mesh.SubjectCloud):]
	if name == l.cfg.Name {
		return l.request(now, m, "", true, fx)
	}
	timeout, ok := l.accept(now, m)
	if !ok {
		return fx
	}
	switch {
	case mesh.CheckToken(name) != nil:
		l.refuse(m, mesh.CodeBadRequest, "invalid node name; allowed: "+mesh.TokenRule)
	case !l.plane.link.Fits(m.Size()):
		l.refuse(m, mesh.CodeBadRequest, tooLarge("request", m.Size(), int(l.plane.link.MaxPayload())))
	case l.ending: // it would go on waiting for answers
		l.refuse(m, mesh.CodeUnavailable, "node "+l.cfg.Name+" is shutting down")
	case l.alone: // or the answer might not come back
		l.refuse(m, mesh.CodeUnavailable, unreachable)
	case len(l.relays.waiting) >= maxRelays:
		l.refuse(m, mesh.CodeQueueFull, "too many requests to other nodes are waiting")
	default:
		l.pass(now, name, m, timeout)
	}
	return fx
}

const unreachable = "the cloud plane cannot be reached"

// pass sends the request on.
func (l *loop) pass(now time.Duration, name string, m *nats.Msg, timeout time.Duration) {
	expires := now + relayExpiry
	if timeout > 0 {
		expires = now + timeout + relayOverrun
		if m.Header == nil {
			m.Header = make(nats.Header, 1)
		}
		m.Header[mesh.HeaderTimeout] = []string{mesh.FormatTimeout(timeout)}
	}
	l.relays.last++
	token := strconv.FormatUint(l.relays.last, 36)
	if err := l.plane.link.Relay(name, m, token); err != nil {
		l.refuse(m, mesh.CodeUnavailable, unreachable)
		return
	}
	m.Header, m.Data = nil, nil // as many as may wait, and as large: that is 10 GiB
	l.relays.waiting[token] = relay{request: m, expires: expires, peer: l.core.PeerRun(name)}
}

// onRelayed passes the answer back.
func (l *loop) onRelayed(e link.Event) {
	r, ok := l.relays.waiting[e.Token]
	if !ok {
		return
	}
	delete(l.relays.waiting, e.Token)
	if e.Nobody {
		l.refuse(r.request, mesh.CodeUnavailable, "no node "+r.node()+" in the mesh")
		return
	}
	if fault := l.replyFault(r.request, e.Message.Header, e.Message.Data); fault != "" {
		l.refuse(r.request, mesh.CodeFailed, fault)
		return
	}
	l.send(r.request, e.Message.Header, e.Message.Data)
}

// checkRelays refuses the requests whose node is gone, with what it had in hand,
// and forgets those that nobody waits for any more.
func (l *loop) checkRelays(now time.Duration) {
	for token, r := range l.relays.waiting {
		if r.absent++; l.node.local.listens(r.request.Reply) {
			r.absent = 0
		}
		peer := l.core.PeerRun(r.node())
		if r.expires <= now || r.absent == relayLooks {
			delete(l.relays.waiting, token)
			continue
		}
		if r.peer != 0 && r.peer != peer {
			delete(l.relays.waiting, token)
			l.refuse(r.request, mesh.CodeUnavailable, "node "+r.node()+" was lost before the task was done")
			continue
		}
		r.peer = peer
		l.relays.waiting[token] = r
	}
}

// endRelays refuses the requests that are not answered when this node ends.
func (l *loop) endRelays() {
	for _, r := range l.relays.waiting {
		l.refuse(r.request, mesh.CodeUnavailable, "node "+l.cfg.Name+" shut down before the task was done")
	}
	clear(l.relays.waiting)
}
