package client

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// ErrClosed is the error, wrapped, of a request whose client was closed, or its
// connection for good, before the answer came.
var ErrClosed = errors.New("the client is closed")

// Client sends requests to a mesh. Make one with Connect or New.
type Client struct {
	nc      *nats.Conn
	own     bool // the connection is ours to close
	movable bool // there is another server to go to
	cfg     config

	sub     *nats.Subscription
	inbox   string // reply subjects are it and a call's number
	ids     string // message ids are it and a call's number
	events  chan nats.Status
	watched chan struct{} // closed when watch has returned
	fault   atomic.Value  // string: what the connection last complained of

	calls sync.Pool // of *call, to be used again

	// mu guards what follows. Nothing is sent under it, so that a stuck socket
	// holds up nobody who only waits.
	mu      sync.Mutex
	waiting map[uint64]*call // by number
	last    uint64           // the last number
	resting int              // how many of those waiting pause before the next submission
	up      bool             // connected, as far as watch knows
	epoch   uint64           // of the connection: how often it was made anew
	cause   error            // why the client has ended; nil before
	ended   chan struct{}    // closed with cause
}

// Connect makes a client with a connection of its own to the local port of a
// node. The URLs are separated by commas: first the node of the client's own
// cluster, then those it may turn to when that one is gone. An empty list is
// nats.DefaultURL, where a node listens by default, unless an option says more.
//
// It fails only for a malformed list or option. If no node can be reached, the
// client goes on trying, and requests wait until their contexts end.
func Connect(urls string, opts ...Option) (*Client, error) {
	if urls != "" {
		if err := mesh.CheckURLs(strings.Split(urls, ",")...); err != nil {
			return nil, fmt.Errorf("client: %s: %w", mesh.RedactURLs(urls), err)
		}
	}
	c := newClient(opts)
	all := append(connectionOptions(),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.fault.Store(err.Error()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.fault.Store(err.Error()) }))
	nc, err := nats.Connect(urls, append(all, c.cfg.nats...)...)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c.own, c.movable = true, len(nc.Servers()) > 1
	if err := c.start(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

// New makes a client on a connection that is there already: one of a program
// that has a node in it, or one that is shared. The client never closes it nor
// makes it reconnect; how that goes is for its options to say, and
// nats.MaxReconnects(-1) is the one to set. Requests that are sent in the moment
// in which the connection breaks may reach the next server twice, unless it has
// nats.ReconnectBufSize(-1).
//
// It fails if the connection is closed.
func New(nc *nats.Conn, opts ...Option) (*Client, error) {
	if nc == nil {
		return nil, errors.New("client: the connection is nil")
	}
	c := newClient(opts)
	if err := c.start(nc); err != nil {
		return nil, err
	}
	return c, nil
}

func newClient(opts []Option) *Client {
	c := &Client{
		cfg:     config{grace: DefaultGrace},
		ids:     rand.Text() + "-",
		watched: make(chan struct{}),
		waiting: make(map[uint64]*call),
		ended:   make(chan struct{}),
	}
	c.calls.New = func() any { return newCall() }
	for _, o := range opts {
		o(&c.cfg)
	}
	return c
}

// start subscribes to the answers and begins to watch the connection.
func (c *Client) start(nc *nats.Conn) (err error) {
	c.nc, c.inbox = nc, nc.NewInbox()+"."
	if c.sub, err = nc.Subscribe(c.inbox+"*", c.receive); err != nil {
		return fmt.Errorf("client: subscribe: %w", err)
	}
	if err := c.sub.SetPendingLimits(-1, -1); err != nil { // as many as there are requests
		return fmt.Errorf("client: %w", err)
	}
	c.events = nc.StatusChanged()
	c.look()
	go c.watch()
	return nil
}

// Close ends the client. Requests that wait for an answer get ErrClosed at once,
// and so does every later one. It may be called any number of times.
func (c *Client) Close() {
	c.end(ErrClosed)
	if c.own {
		c.nc.Close()
	} else {
		_ = c.sub.Unsubscribe() // fails if the connection is closed, or we were before
	}
	c.nc.RemoveStatusListener(c.events)
	<-c.watched
}

func (c *Client) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
		close(c.ended)
	}
}

// receive takes a message on the reply subjects. It never blocks. Of two answers
// to a call, the second finds the channel full, or the call gone.
func (c *Client) receive(m *nats.Msg) {
	tail, _ := strings.CutPrefix(m.Subject, c.inbox)
	number, err := strconv.ParseUint(tail, numberBase, 64)
	if err != nil {
		return
	}
	again := c.again(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.waiting[number]
	if p == nil {
		return
	}
	to := p.answer
	if again {
		to = p.refused
	}
	select {
	case to <- m:
	default:
	}
}

// again reports whether a message is no answer but the advice to submit the
// request again.
func (c *Client) again(m *nats.Msg) bool {
	if elsewhere(m) {
		return true
	}
	if !c.cfg.retry || m.Header.Get(mesh.HeaderWorker) != "" {
		return false
	}
	code := mesh.ParseCode(m.Header.Get(mesh.HeaderErrorCode))
	return code == mesh.CodeQueueFull || code == mesh.CodeUnavailable
}
