package client

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// watch looks at the connection whenever something has happened to it.
func (c *Client) watch() {
	defer close(c.watched)
	for range c.events { // closed by RemoveStatusListener
		c.look()
		if c.nc.IsClosed() {
			c.end(fmt.Errorf("%w: %w", ErrClosed, nats.ErrConnectionClosed))
			return
		}
	}
}

// look finds out whether the connection is up, and whether it is another than
// before; then every request that waits is to be submitted again: its answer
// would have come over the one that is no more. An event may be missing, if there
// were many; what is looked at is how things are now.
func (c *Client) look() {
	epoch := c.nc.Stats().Reconnects // before the status: one too low is put right by the next event
	up := c.nc.IsConnected()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = up
	if !up || epoch == c.epoch {
		return
	}
	c.epoch = epoch
	for _, p := range c.waiting {
		select {
		case p.again <- struct{}{}:
		default:
		}
	}
}

// move leaves a node that has refused the call since it shuts down, or since
// nobody is there, for the next of the list. It does so when no other call waits
// for that node, or when this one has waited for them long enough. All others are
// submitted again when the next node is reached, and so is this one.
func (c *Client) move(p *call) (moves bool) {
	if !c.movable || !p.elsewhere {
		return false
	}
	c.mu.Lock()
	moves = c.up && c.epoch == p.epoch && (c.resting == len(c.waiting) || time.Since(p.since) >= c.cfg.grace)
	if moves {
		c.up = false
	}
	c.mu.Unlock()
	return moves && c.nc.ForceReconnect() == nil
}

// trouble says why the client is not connected.
func (c *Client) trouble() string {
	if err := c.nc.LastError(); err != nil {
		return "not connected: " + err.Error()
	}
	if why, ok := c.fault.Load().(string); ok {
		return "not connected: " + why
	}
	return "not connected"
}
