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
	request *nats.Msg
	expires time.Duration
}

// relays are the requests that were passed on and not answered yet.
type relays struct {
	waiting map[string]relay
	last    uint64
}

const (
	maxRelays    = 10_000
	relayExpiry  = time.Hour // of a request that named no deadline
	relayOverrun = time.Second
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
	case !l.link.Fits(m.Size()):
		l.refuse(m, mesh.CodeBadRequest, tooLarge("request", m.Size(), int(l.link.MaxPayload())))
	case len(l.relays.waiting) >= maxRelays:
		l.refuse(m, mesh.CodeQueueFull, "too many requests to other nodes are waiting")
	default:
		l.pass(now, name, m, timeout)
	}
	return fx
}

// pass sends the request on.
func (l *loop) pass(now time.Duration, name string, m *nats.Msg, timeout time.Duration) {
	expires := now + relayExpiry
	if timeout > 0 {
		expires = now + timeout + relayOverrun
		if m.Header == nil {
			m.Header = make(nats.Header, 1)
		}
		m.Header[mesh.HeaderTimeout] = []string{timeout.String()}
	}
	l.relays.last++
	token := strconv.FormatUint(l.relays.last, 36)
	if err := l.link.Relay(name, m, token); err != nil {
		l.refuse(m, mesh.CodeUnavailable, "the cloud plane cannot be reached")
		return
	}
	l.relays.waiting[token] = relay{request: m, expires: expires}
}

// onRelayed passes the answer back.
func (l *loop) onRelayed(e link.Event) {
	r, ok := l.relays.waiting[e.Token]
	if !ok {
		return
	}
	delete(l.relays.waiting, e.Token)
	if e.Nobody {
		l.refuse(r.request, mesh.CodeUnavailable, "no node "+r.request.Subject[len(mesh.SubjectCloud):]+" in the mesh")
		return
	}
	out := &nats.Msg{Subject: r.request.Reply, Header: e.Message.Header, Data: e.Message.Data}
	if limit := l.limit(r.request); int64(out.Size()) > limit {
		l.refuse(r.request, mesh.CodeFailed, tooLarge("reply", len(out.Data), int(limit)))
		return
	}
	l.publish(out)
}

// expire forgets the requests that nobody waits for any more.
func (rs *relays) expire(now time.Duration) {
	for token, r := range rs.waiting {
		if r.expires <= now {
			delete(rs.waiting, token)
		}
	}
}
