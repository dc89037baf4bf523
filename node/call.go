package node

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// call is a request of the program that the node runs in. It needs no connection,
// and the server inside the node has no part in it.
type call struct {
	nats.Msg
	answer chan *nats.Msg // holds one: the loop does not wait
	gone   atomic.Bool    // nobody waits for the answer
}

// inProcess stands for the reply subject that a call has not. All calls are one
// client's to the core: see clientOf.
const inProcess = "in process."

// calling is how many calls may be under way to the loop.
const calling = 256

// RequestMsgWithContext is a client's request without a connection: for a program
// that runs the node itself, it costs about half of one by Connect
// (docs/performance.md). The task is handled like any other, and may go to a peer.
// m has a subject for clients (mesh.SubjectRequest, or what mesh.WithService makes of
// it), and data and headers as a client would send (Mesh-Timeout, Nats-Msg-Id); its
// reply subject is ignored, and m can be used again when the call returns. It waits
// until the node is ready, and while 256 others wait for the node to look at them. In
// a full queue all calls have the share of one client.
//
// As with the method of nats.Conn of this name, an answer that is an error of the
// task or the mesh is a message, with the header mesh.HeaderErrorCode. The error is
// not nil if there is no answer: ctx has ended, the node has (ErrEnded), or m is no
// request. A task that waits at this node when ctx ends is not started; one that
// waits at a peer may be, unless it has a Mesh-Timeout, and one that runs is not
// stopped.
func (n *Node) RequestMsgWithContext(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if m == nil {
		return nil, nats.ErrInvalidMsg
	}
	if _, ok := mesh.ServiceOf(m.Subject, mesh.SubjectRequest); !ok {
		return nil, fmt.Errorf("node: %q is no subject for requests", clip(m.Subject))
	}
	if err := n.await(ctx); err != nil {
		return nil, err
	}
	c := &call{answer: make(chan *nats.Msg, 1)}
	c.Subject, c.Reply, c.Data = m.Subject, inProcess, bytes.Clone(m.Data)
	if len(m.Header) > 0 {
		c.Header = copied(m.Header)
	}
	answer, err := ask(ctx, n, n.loop.calls, c, c.answer)
	if err != nil {
		c.gone.Store(true)
	}
	return answer, err
}

// answered gives a call its answer. Of one that is kept for repeats of the request
// each gets a copy.
func (c *call) answered(header nats.Header, data []byte) {
	if c.Header.Get(nats.MsgIdHdr) != "" {
		header, data = copied(header), bytes.Clone(data)
	}
	select {
	case c.answer <- &nats.Msg{Subject: c.Subject, Header: header, Data: data}:
	default: // it has one
	}
}

// copied returns headers that share nothing with those given.
func copied(h nats.Header) nats.Header {
	h = maps.Clone(h)
	for name, values := range h {
		h[name] = slices.Clone(values)
	}
	return h
}

// gone reports whether a task is a call that nobody waits for any more.
func gone(task any) bool {
	c, ok := task.(*call)
	return ok && c.gone.Load()
}

// messageOf returns the message of a task: a client's or a peer's, or a call's.
func messageOf(task any) *nats.Msg {
	if c, ok := task.(*call); ok {
		return &c.Msg
	}
	return task.(*nats.Msg)
}
