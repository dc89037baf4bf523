package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/brokermesh/brokermesh/mesh"
)

// cloudPlane is the node's way to its peers: a server of its own that is routed
// to theirs, or an existing NATS. What goes over the connection is the same.
type cloudPlane struct {
	server *server.Server // nil: an existing NATS
	conn   *nats.Conn
	url    string
	creds  []nats.Option // of the existing NATS
	opts   []nats.Option // the same, and what else the node's own connection there has
	rights rights        // on it
}

// openCloudPlane starts the embedded server, or begins to connect to the
// existing NATS: if that cannot be reached now, the node goes on alone and the
// connection is made when it can.
func openCloudPlane(id string, cfg Config, p *plane) (c *cloudPlane, err error) {
	c = &cloudPlane{rights: rights{name: cfg.Name}}
	if cfg.CloudURL == "" {
		if c.server, err = startCloudServer(id, cfg, p.log); err != nil {
			return nil, err
		}
		if c.conn, err = connect(c.server, cfg.Name, nats.NoEcho(), p.onError(), onClosed(p.closed, "the cloud plane")); err != nil {
			stop(c.server)
			return nil, err
		}
		c.url = c.server.ClientURL()
		return c, nil
	}
	c.url = cfg.CloudURL
	if cfg.CloudCreds != "" {
		c.creds = []nats.Option{nats.UserCredentials(cfg.CloudCreds)}
	}
	c.opts = append([]nats.Option{
		nats.Name(cfg.Name), nats.NoEcho(), p.onError(), onClosed(p.cut, "the cloud plane"), c.rights.watch(), whyUnreachable(p.log),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.PingInterval(routePing), nats.MaxPingsOutstanding(maxPings),
	}, c.creds...)
	c.conn, err = c.signIn()
	return c, err
}

// signIn begins to connect to the existing NATS.
func (c *cloudPlane) signIn() (*nats.Conn, error) {
	nc, err := nats.Connect(c.url, c.opts...)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", variable("CloudURL"), mesh.RedactURLs(c.url), err)
	}
	return nc, nil
}

// whyUnreachable logs why there is no connection to the existing NATS: nobody is there,
// or it lets nobody in. That it may yet; a file of credentials is read anew each time.
func whyUnreachable(log *slog.Logger) nats.Option {
	bound := rate.Sometimes{Interval: unreachableEvery}
	why := func(err error) {
		bound.Do(func() { log.Warn("no connection to the cloud plane; trying on", "error", err) })
	}
	return func(o *nats.Options) error {
		connected := o.AsyncErrorCB
		o.ReconnectErrCB = func(_ *nats.Conn, err error) { why(err) }
		o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
			if sub == nil && !nc.IsConnected() { // a refused sign-in is told here
				why(err)
				return
			}
			connected(nc, sub, err)
		}
		return nil
	}
}

// unreachableEvery is how often it is told why.
const unreachableEvery = 10 * time.Second

// reconnectWait is the pause between two tries to reach the existing NATS, and
// the most that is added to it at random.
const reconnectWait = 250 * time.Millisecond

// meet waits until there is somebody to talk to, or a while: a route to some
// peer, or the existing NATS.
func (c *cloudPlane) meet(ctx context.Context, cfg Config) (met bool) {
	if c.server == nil {
		return await(ctx, c.conn.IsConnected)
	}
	if len(cfg.Peers) == 0 {
		return true
	}
	return await(ctx, func() bool { return c.server.NumRoutes() > 0 })
}

// await polls for a condition that NATS has no event for.
func await(ctx context.Context, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(meetPoll):
		case <-ctx.Done():
			return holds()
		}
	}
	return true
}

const (
	// meetTimeout is how long a starting node waits for somebody before it goes
	// on alone; who comes later is found then.
	meetTimeout = time.Second
	meetPoll    = 50 * time.Millisecond
)

// clusterAddr is where peers route to; "" on an existing NATS.
func (c *cloudPlane) clusterAddr() string {
	if c.server == nil {
		return ""
	}
	return c.server.ClusterAddr().String()
}

// connect returns another connection to the plane.
func (c *cloudPlane) connect(opts ...nats.Option) (*nats.Conn, error) {
	if c.server == nil {
		return nats.Connect(c.url, append(c.creds, opts...)...)
	}
	return dial(c.server, opts...)
}

func (c *cloudPlane) close() {
	c.conn.Close()
	stop(c.server)
}
