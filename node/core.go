package node

import (
	"crypto/rand"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// newCore returns the core that decides for a node.
func newCore(n *Node, p *plane) (*dispatch.Core, error) {
	cfg := dispatch.DefaultConfig()
	cfg.Name, cfg.Incarnation, cfg.Region = n.cfg.Name, n.incarnation, n.cfg.Region
	cfg.QueueLimit, cfg.QueueBytes, cfg.QueueTimeout = n.cfg.QueueLimit, n.cfg.QueueBytes, n.cfg.QueueTimeout
	cfg.Size = func(task any) int { return weight(messageOf(task)) }
	cfg.AttemptTimeout, cfg.MaxAttempts = n.cfg.AttemptTimeout, n.cfg.MaxAttempts
	cfg.Gone = gone
	cfg.Present = func(task any) bool {
		if m, ok := task.(*nats.Msg); ok {
			return n.local.listens(m.Reply) || p.link.Carried(m)
		}
		return !gone(task)
	}
	if n.cloud.server == nil {
		cfg.DeadAfter = 0      // its servers restart: who cannot be reached may be cut off with them
		cfg.LinkMayHang = true // see pulse
	}
	cfg.DedupWindow, cfg.DedupBytes, cfg.Inspect = n.cfg.DedupWindow, n.cfg.DedupBytes, inspect
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		return nil, fmt.Errorf("no random numbers: %w", err)
	}
	return dispatch.New(cfg), nil
}
