package client

import (
	"time"

	"github.com/nats-io/nats.go"
)

// DefaultGrace is the grace of a client without the option Grace.
const DefaultGrace = 5 * time.Second

// Option changes how a Client works.
type Option func(*config)

type config struct {
	nats  []nats.Option
	grace time.Duration
	retry bool
}

// NATS adds options to those of the connection, such as credentials, TLS or a
// name. Without effect in New.
func NATS(opts ...nats.Option) Option {
	return func(c *config) { c.nats = append(c.nats, opts...) }
}

// Grace is how long a request that a node refused, since it shuts down, waits at
// most for those that this node still has in hand. Then the client goes to the
// next node of its list, and submits there what was not answered: a task that
// takes longer may run twice. Without effect in New, or with one node.
func Grace(d time.Duration) Option {
	return func(c *config) { c.grace = d }
}

// Retry submits a request again, with a growing pause, that the mesh refused for
// want of room: mesh.CodeQueueFull and mesh.CodeUnavailable. An error of a worker
// with such a code is an answer all the same.
func Retry() Option {
	return func(c *config) { c.retry = true }
}

// The connection of Connect: it reconnects for ever and quickly, in the order of
// its list, and knows within seconds that the other end is dead.
const (
	reconnectWait   = 100 * time.Millisecond
	reconnectJitter = 100 * time.Millisecond
	pingInterval    = 2 * time.Second
	pingsOut        = 3
	writeTimeout    = 10 * time.Second
)

func connectionOptions() []nats.Option {
	return []nats.Option{
		nats.Name("brokermesh client"),
		nats.DontRandomize(), nats.IgnoreDiscoveredServers(),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(-1), // what is sent while it is down fails; it is submitted when it is up
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsOut),
		nats.FlusherTimeout(writeTimeout), nats.ReconnectOnFlusherError(),
	}
}
