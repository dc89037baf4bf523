package node

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// maxHeader is the largest header of a request, in bytes: what the local server
// allows beside the largest payload, less what the mesh adds.
const maxHeader = localPayload - MaxTask - 1024

// headerFault returns why a request's header cannot be sent on, "" if it can. Its
// size is the one it has when the node sends it: a terse client's had less.
func headerFault(h nats.Header) string {
	size, ok := headerSize(h)
	switch {
	case !ok:
		return malformedName
	case size > maxHeader:
		return tooLarge("header", size, maxHeader)
	}
	return ""
}

const (
	malformedName    = "malformed name of a header"
	malformedHeaders = "malformed headers: want lines of a name, a colon and a value"
)

// unreadable reports whether a message came with headers that the NATS library could
// not read: it hands such a message on as one that has none.
func unreadable(m *nats.Msg) bool {
	return m.Header == nil && m.Size() > len(m.Subject)+len(m.Reply)+len(m.Data)
}

// headerSize returns the size of a header, in bytes. ok is false if the NATS
// library would not send it, for one of its names: others are less strict.
func headerSize(h nats.Header) (size int, ok bool) {
	size = (&nats.Msg{Header: h}).Size()
	return size, size > 0 || len(h) == 0
}

// stripMesh takes the mesh's own headers off, and the status line: what comes
// from outside can forge neither.
func stripMesh(h nats.Header) {
	for name := range h {
		if strings.HasPrefix(name, mesh.HeaderPrefix) || name == "Status" || name == "Description" {
			delete(h, name)
		}
	}
}

// publish sends a message on the local plane. It fails only when the node's own
// connection is gone, which the error handler tells.
func (l *loop) publish(m *nats.Msg) {
	if err := l.plane.local.PublishMsg(m); err != nil {
		l.complaints.add(l.now(), "cannot publish", "subject", clip(m.Subject), "error", err)
	}
}

// refuse answers a request with an error reply, on the way it came. What a
// node that shuts down has no worker for, or cannot finish, others can.
func (l *loop) refuse(task any, code mesh.Code, reason string) {
	header := mesh.ErrorHeader(code, reason)
	header[mesh.HeaderNode] = []string{l.cfg.Name}
	if l.ending && code == mesh.CodeUnavailable {
		header[mesh.HeaderRetry] = []string{mesh.RetryElsewhere}
	}
	l.send(task, header, nil)
}

// reply answers a task with what a worker or a peer made of it.
func (l *loop) reply(e *dispatch.Effect) {
	task, answer := messageOf(e.Task), e.Answer.(*nats.Msg)
	if e.Guest {
		task.Data = nil // its origin may ask for the answer again, and has the task
		if task.Header != nil {
			task.Header = nats.Header{} // that there was one is to be remembered
		}
	}
	header := answer.Header
	if e.Hops == 0 {
		stripMesh(header)
	} else {
		delete(header, mesh.HeaderCapacity)
	}
	if task.Header != nil || len(header) > 0 {
		header = l.sign(header, e)
	}
	if fault := l.replyFault(task, header, answer.Data); fault != "" {
		l.refuse(e.Task, mesh.CodeFailed, fault)
		return
	}
	if !e.Guest {
		l.send(e.Task, header, answer.Data)
		return
	}
	if err := l.plane.link.Answer(task, header, answer.Data, l.core.Capacity(l.now(), e.Service, e.To)); err != nil {
		l.complaints.add(l.now(), "cannot answer a peer", "error", err)
	}
}

// sign adds to an answer who gave it. A client that sends headers gets that, and
// one whose answer has headers anyway, as errors have: for the others it would be
// what costs most of all that a node does.
func (l *loop) sign(header nats.Header, e *dispatch.Effect) nats.Header {
	if header == nil {
		header = make(nats.Header, 5)
	}
	if e.Hops == 0 {
		header[mesh.HeaderNode] = []string{l.cfg.Name}
		header[mesh.HeaderWorker] = []string{e.Worker}
		header[mesh.HeaderAttempt] = []string{e.Attempt.String()}
	} else {
		header[mesh.HeaderDelegated] = []string{e.Attempt.String()}
	}
	hops := "0"
	if e.Guest || e.Hops > 0 {
		hops = "1"
	}
	header[mesh.HeaderHops] = []string{hops}
	return header
}

// inspect tells the core what it costs to keep an answer, and its code if it is an
// error.
func inspect(answer any) (size int, code mesh.Code) {
	m := answer.(*nats.Msg)
	return weight(m), mesh.ParseCode(m.Header.Get(mesh.HeaderErrorCode))
}

// send sends a reply on the way that the request came.
func (l *loop) send(task any, header nats.Header, data []byte) {
	if c, ok := task.(*call); ok {
		c.answered(header, data)
		return
	}
	request := task.(*nats.Msg)
	l.out = nats.Msg{Subject: request.Reply, Header: header, Data: data}
	if !l.plane.link.Carried(request) {
		l.answer()
		return
	}
	if err := l.plane.cloud.PublishMsg(&l.out); err != nil {
		l.complaints.add(l.now(), "cannot answer on the cloud plane", "error", err)
	}
}

// replyFault returns why a request cannot be answered so, "" if it can.
func (l *loop) replyFault(request *nats.Msg, header nats.Header, data []byte) string {
	size := len(request.Reply) + len(data)
	if len(header) > 0 {
		h, ok := headerSize(header)
		if !ok {
			return malformedName
		}
		size += h
	}
	if limit := l.limit(request); int64(size) > limit {
		return fmt.Sprintf("reply of %d bytes, headers and all; at most %d are allowed", size, limit)
	}
	return ""
}

// limit is how large the answer to a request may be, header and all, less what
// a capacity adds.
func (l *loop) limit(request *nats.Msg) int64 {
	if l.plane.link.Carried(request) {
		return l.plane.link.MaxPayload() - 512
	}
	return l.plane.local.MaxPayload()
}

func tooLarge(what string, size, limit int) string {
	return fmt.Sprintf("%s of %d bytes; at most %d are allowed", what, size, limit)
}
