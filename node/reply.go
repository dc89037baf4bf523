package node

import (
	"fmt"
	"strconv"
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

const malformedName = "malformed name of a header"

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

// refuse answers a request with an error reply, on the plane it came by. What a
// node that shuts down has no worker for, or cannot finish, others can.
func (l *loop) refuse(m *nats.Msg, code mesh.Code, reason string) {
	header := nats.Header{
		mesh.HeaderErrorCode: {strconv.Itoa(int(code))},
		mesh.HeaderError:     {reason},
		mesh.HeaderNode:      {l.cfg.Name},
	}
	if l.ending && code == mesh.CodeUnavailable {
		header[mesh.HeaderRetry] = []string{mesh.RetryElsewhere}
	}
	l.send(m, &nats.Msg{Subject: m.Reply, Header: header})
}

// reply answers a task with what a worker or a peer made of it.
func (l *loop) reply(e *dispatch.Effect) {
	task, answer := e.Task.(*nats.Msg), e.Answer.(*nats.Msg)
	header := answer.Header
	if header == nil {
		header = make(nats.Header, 5)
	}
	if e.Hops == 0 {
		stripMesh(header)
		header[mesh.HeaderNode] = []string{l.cfg.Name}
		header[mesh.HeaderWorker] = []string{e.Worker}
		header[mesh.HeaderAttempt] = []string{e.Attempt.String()}
	} else {
		delete(header, mesh.HeaderCapacity)
	}
	hops := "0"
	if e.Guest || e.Hops > 0 {
		hops = "1"
	}
	header[mesh.HeaderHops] = []string{hops}
	out := &nats.Msg{Subject: task.Reply, Header: header, Data: answer.Data}
	if fault := l.replyFault(task, out); fault != "" {
		l.refuse(task, mesh.CodeFailed, fault)
		return
	}
	if !e.Guest {
		l.send(task, out)
		return
	}
	if err := l.link.Answer(task, header, answer.Data, l.core.Capacity(e.Service)); err != nil {
		l.complaints.add(l.now(), "cannot answer a peer", "error", err)
	}
}

// inspect tells the core what keeping an answer costs, and its code if it is an
// error.
func inspect(answer any) (size int, code mesh.Code) {
	m := answer.(*nats.Msg)
	text := m.Header.Get(mesh.HeaderErrorCode)
	if text == "" {
		return m.Size(), 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		n = int(mesh.CodeFailed) // an error all the same
	}
	return m.Size(), mesh.Code(n)
}

// send publishes a reply on the plane that the request came by.
func (l *loop) send(request, reply *nats.Msg) {
	if !l.link.Carried(request) {
		l.publish(reply)
		return
	}
	if err := l.plane.cloud.PublishMsg(reply); err != nil {
		l.complaints.add(l.now(), "cannot answer on the cloud plane", "error", err)
	}
}

// replyFault returns why a request cannot be answered so, "" if it can.
func (l *loop) replyFault(request, out *nats.Msg) string {
	if _, ok := headerSize(out.Header); !ok {
		return malformedName
	}
	if limit := l.limit(request); int64(out.Size()) > limit {
		return tooLarge("reply", len(out.Data), int(limit))
	}
	return ""
}

// limit is how large the answer to a request may be, header and all, less what
// a capacity adds.
func (l *loop) limit(request *nats.Msg) int64 {
	if l.link.Carried(request) {
		return l.link.MaxPayload() - 512
	}
	return l.plane.local.MaxPayload()
}

func tooLarge(what string, size, limit int) string {
	return fmt.Sprintf("%s of %d bytes; at most %d are allowed", what, size, limit)
}
