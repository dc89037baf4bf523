package client

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// Request is a task for the mesh. Do reads it until it returns, and changes
// nothing in it.
type Request struct {
	// Service is the service wanted, a token as of mesh.CheckToken; "" is the
	// default service.
	Service string

	// Data is the payload.
	Data []byte

	// Header goes to the worker, but for what is the mesh's own: Mesh-Timeout
	// is told by the context, and Nats-Msg-Id by ID, if it is set.
	Header nats.Header

	// ID names the request in all its submissions; "" is the Nats-Msg-Id of Header,
	// or else a fresh one. To a node, what has one service, ID and Data is one task,
	// and another Data under an ID that is in use is a mesh.CodeConflict.
	ID string
}

// Reply is what a worker answered.
type Reply struct {
	Data    []byte
	Header  nats.Header // with that of the mesh
	Node    string      // that did the task
	Worker  string      // its name, or its inbox
	Attempt string      // that was answered
	Hops    int         // 0: done by the node that took the request, 1: by a peer of it
	Sent    int         // submissions until then
}

// Error is an error reply, of the mesh or of a worker, or what the mesh would say
// to a request that cannot be sent. A pointer to it is the error.
type Error struct {
	Code   mesh.Code
	Text   string // for people
	Node   string // that refused or did the task; "": it was not sent
	Worker string // whose answer it is; "": the mesh's own
}

// Error returns the code and the text.
func (e *Error) Error() string { return strconv.Itoa(int(e.Code)) + ": " + e.Text }

// Is makes an error of mesh.CodeDeadline a context.DeadlineExceeded: whether the
// mesh or the caller's own context tells so first is chance.
func (e *Error) Is(target error) bool {
	return e.Code == mesh.CodeDeadline && target == context.DeadlineExceeded
}

// Do sends a request and waits for its answer; see the package's text for when it
// is sent again.
//
// The error is an *Error if the answer is one, or if the request is malformed or
// too large. It wraps ctx.Err() if there was no answer when ctx ended, and
// ErrClosed if the client was closed before. An error of mesh.CodeDeadline is a
// context.DeadlineExceeded, too.
func (c *Client) Do(ctx context.Context, r Request) (*Reply, error) {
	p, err := c.begin(&r)
	if err != nil {
		return nil, err
	}
	defer c.finish(p)
	if err := ctx.Err(); err != nil {
		_, err = p.giveUp(err)
		return nil, err
	}
	m, err := c.wait(ctx, p)
	if err != nil {
		return nil, err
	}
	h := m.Header
	if code := mesh.ParseCode(h.Get(mesh.HeaderErrorCode)); code != 0 {
		return nil, &Error{Code: code, Text: h.Get(mesh.HeaderError), Node: h.Get(mesh.HeaderNode), Worker: h.Get(mesh.HeaderWorker)}
	}
	hops, _ := strconv.Atoi(h.Get(mesh.HeaderHops))
	return &Reply{
		Data: m.Data, Header: h, Node: h.Get(mesh.HeaderNode), Worker: h.Get(mesh.HeaderWorker),
		Attempt: h.Get(mesh.HeaderAttempt), Hops: hops, Sent: p.sent,
	}, nil
}

// elsewhere reports whether a message says that another node, or the next one at
// this address, is to be asked.
func elsewhere(m *nats.Msg) bool {
	return noResponders(m) || m.Header.Get(mesh.HeaderRetry) == mesh.RetryElsewhere
}

// noResponders reports whether a message is the server's word that no node
// listens.
func noResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503"
}

// refusal says for people what a message advises.
func refusal(m *nats.Msg) string {
	if noResponders(m) {
		return "no node listens"
	}
	return m.Header.Get(mesh.HeaderErrorCode) + ": " + m.Header.Get(mesh.HeaderError)
}
