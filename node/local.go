package node

import (
	"hash/maphash"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// fromLocal gives a message of the local flow to the core.
func (l *loop) fromLocal(now time.Duration, m *nats.Msg, fx []dispatch.Effect) []dispatch.Effect {
	switch subject := m.Subject; {
	case strings.HasPrefix(subject, mesh.SubjectDone):
		return l.onDone(now, m, fx)
	case strings.HasPrefix(subject, mesh.SubjectReady):
		l.onReady(now, m)
	case subject == mesh.SubjectLeave:
		l.onLeave(now, m)
	case subject == mesh.SubjectWhy:
		l.onWhy(m)
	case strings.HasPrefix(subject, mesh.SubjectRequest):
		return l.onRequest(now, m, fx)
	case strings.HasPrefix(subject, mesh.SubjectCloud):
		return l.onBridge(now, m, fx)
	default:
		if client, ok := l.fences.client(m); ok {
			return l.core.Disconnected(now, client, fx)
		}
	}
	return fx
}

// onDone takes a worker's answer, or the server's word that the dispatch found
// no subscriber: that one names the inbox it was sent to.
func (l *loop) onDone(now time.Duration, m *nats.Msg, fx []dispatch.Effect) []dispatch.Effect {
	a, err := mesh.AnsweredAttempt(m.Subject, m.Reply)
	if err != nil {
		l.complaints.add(now, "answer to a malformed attempt", "subject", clip(m.Subject), "reply", clip(m.Reply))
		return fx
	}
	if link.NoResponders(m) && l.core.Holds(a, m.Header.Get("Nats-Subject")) {
		return l.core.Undelivered(now, a, fx)
	}
	if unreadable(m) { // it may be an error
		m.Header, m.Data = mesh.ErrorHeader(mesh.CodeFailed, malformedHeaders), nil
	}
	if !l.core.Awaits(a) {
		l.complaints.add(now, "answer to an attempt that is no more", "attempt", a.String())
	}
	return l.core.Done(now, a, m, fx)
}

// onReady takes a worker's READY. A worker that is known needs no haste; it may
// have moved to another connection, though, so it is looked into all the same, with
// the others or within a second.
func (l *loop) onReady(now time.Duration, m *nats.Msg) {
	service, ok := mesh.ServiceOf(m.Subject, mesh.SubjectReady)
	if !ok {
		l.complaints.add(now, "READY for an invalid service", "subject", clip(m.Subject))
		return
	}
	if fault := mesh.CheckInbox(m.Reply); fault != "" {
		l.complaints.add(now, "malformed READY", "fault", fault, "inbox", clip(m.Reply))
		return
	}
	name := m.Header.Get(mesh.HeaderWorker)
	if name != "" && mesh.CheckToken(name) != nil {
		l.complaints.add(now, "READY with an invalid worker name", "name", clip(name))
		name = ""
	}
	cancel := m.Header.Get(mesh.HeaderCancel)
	if cancel != "" && mesh.CheckInbox(cancel) != "" {
		l.complaints.add(now, "READY with an invalid subject for cancels", "subject", clip(cancel))
		cancel = ""
	}
	l.census.ask(dispatch.Ready{ID: dispatch.WorkerID{Inbox: m.Reply}, Service: service, Name: name, Cancel: cancel, Said: now})
	if !l.core.Knows(m.Reply) {
		l.census.poke()
	}
}

// admit takes what a pass of the census found.
func (l *loop) admit(result counted) {
	now := l.now()
	l.census.received()
	defer clear(l.left) // what a later pass finds was said after the leave
	if result.holders != nil {
		for client := range l.core.Clients() {
			if !l.departed.has(client) && l.node.local.GetClient(client) == nil { // its end was told while our connection for that was lost
				l.onEnded(client)
			}
		}
		gone := l.core.Audit(now, result.began.Sub(l.began), func(inbox string) bool { _, held := result.holders[inbox]; return held })
		if gone > 0 {
			l.complaints.add(now, "workers left without a word", "workers", gone)
		}
	}
	for _, r := range result.ready {
		switch {
		case l.left[r.ID.Inbox], r.Said < l.forgot:
		case r.ID.Client == 0:
			l.complaints.add(now, "READY with an inbox that nobody subscribes to", "inbox", clip(r.ID.Inbox))
		case l.departed.has(r.ID.Client):
		default:
			l.apply(l.core.Ready(now, r, l.fx[:0]))
		}
	}
}

// forgetWorkers forgets all of them, and what they said before: of one whose task
// runs elsewhere now an old READY is not true. They say it anew when they are idle.
func (l *loop) forgetWorkers() {
	for range len(l.readies) {
		<-l.readies
	}
	l.forgot = l.now()
	l.apply(l.core.AllDisconnected(l.forgot, l.fx[:0]))
}

// onLeave takes the polite end of a worker. It is confirmed on the dispatch
// connection, behind the last dispatch. A READY that was said before and is
// still being looked into counts no more.
func (l *loop) onLeave(now time.Duration, m *nats.Msg) {
	inbox := string(m.Data)
	if fault := mesh.CheckInbox(inbox); fault != "" {
		l.complaints.add(now, "malformed leave", "fault", fault, "inbox", clip(inbox))
	} else {
		l.core.Leave(now, inbox) // of a worker that is unknown by now: just confirmed
		if l.census.forget(inbox) {
			l.left[inbox] = true
		}
	}
	if m.Reply != "" {
		l.publish(&nats.Msg{Subject: m.Reply})
	}
}

// onRequest takes a client's task in.
func (l *loop) onRequest(now time.Duration, task any, fx []dispatch.Effect) []dispatch.Effect {
	service, ok := mesh.ServiceOf(messageOf(task).Subject, mesh.SubjectRequest)
	if !ok {
		l.refuse(task, mesh.CodeBadRequest, "invalid service; allowed: "+mesh.TokenRule)
		return fx
	}
	return l.request(now, task, service, false, fx)
}

// request checks a task and gives it to the core.
func (l *loop) request(now time.Duration, task any, service string, here bool, fx []dispatch.Effect) []dispatch.Effect {
	timeout, ok := l.accept(now, task)
	if !ok {
		return fx
	}
	m := messageOf(task)
	m.Header = asked(m.Header, here || timeout > 0)
	id := m.Header.Get(nats.MsgIdHdr)
	var hash uint64
	if id != "" {
		hash = maphash.Bytes(l.hash, m.Data)
	}
	return l.core.Request(now, dispatch.Request{
		ID: id, Hash: hash,
		Service: service, Client: clientOf(m.Reply), Timeout: timeout, Message: task,
		Here: here || !l.plane.link.Fits(m.Size()), // too large to cross: done here or not at all
	}, fx)
}

// asked returns the headers of a request, nil if its answer need not tell who
// gave it: whoever sends no header, or none that is left when the mesh's own are
// off, wants none. To be told one names a node or a deadline, or sends a header.
func asked(h nats.Header, told bool) nats.Header {
	switch {
	case len(h) > 0:
		return h
	case !told:
		return nil
	case h == nil:
		return nats.Header{}
	}
	return h
}

// accept checks what every request must keep to, takes off the headers that
// are the mesh's own, and refuses it otherwise. timeout is 0 if the client
// named none.
func (l *loop) accept(now time.Duration, task any) (timeout time.Duration, ok bool) {
	m := messageOf(task)
	if m.Reply == "" {
		l.complaints.add(now, "request without a reply subject", "subject", clip(m.Subject))
		return 0, false
	}
	if len(m.Reply) > mesh.MaxSubject { // there is room for an error, and perhaps not for a large answer
		l.refuse(task, mesh.CodeBadRequest, tooLarge("reply subject", len(m.Reply), mesh.MaxSubject))
		return 0, false
	}
	if len(m.Data) > MaxTask {
		l.refuse(task, mesh.CodeBadRequest, tooLarge("payload", len(m.Data), MaxTask))
		return 0, false
	}
	if unreadable(m) {
		l.refuse(task, mesh.CodeBadRequest, malformedHeaders)
		return 0, false
	}
	if m.Header == nil {
		return 0, true
	}
	if fault := headerFault(m.Header); fault != "" {
		l.refuse(task, mesh.CodeBadRequest, fault)
		return 0, false
	}
	value := m.Header.Get(mesh.HeaderTimeout)
	stripMesh(m.Header)
	if value == "" {
		return 0, true
	}
	timeout, err := mesh.ParseTimeout(value)
	if err != nil {
		l.refuse(task, mesh.CodeBadRequest, mesh.HeaderTimeout+": "+err.Error())
		return 0, false
	}
	return timeout, true
}

// clip bounds what strangers can put into a log line.
func clip(s string) string {
	const longest = 80
	if len(s) > longest {
		return s[:longest] + "..."
	}
	return s
}
