package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/link"
)

// ErrNameTaken is what Run returns when another live node has this node's name.
var ErrNameTaken = errors.New("another node of the mesh has this name")

func nameTaken(by mesh.Identity, name string) error {
	return fmt.Errorf("%w: %s, up for %s", ErrNameTaken, name, time.Duration(by.UptimeMS)*time.Millisecond)
}

// claimName asks the mesh whether another node lives under this node's name.
func (n *Node) claimName(ctx context.Context, l *link.Link) error {
	ctx, claimed := context.WithCancel(ctx)
	defer claimed()
	go func() { // Close need not wait for an answer
		select {
		case <-n.kill:
			claimed()
		case <-ctx.Done():
		}
	}()
	if !n.cloud.meet(ctx, n.cfg) {
		if n.cloud.server != nil && ctx.Err() == nil { // of an existing NATS the loop says so
			n.log.Warn("no peer answers; going on alone until one does", "peers", n.cfg.Peers)
		}
		return nil
	}
	// Asked twice: a route that has just come up may not have brought the
	// other's subscription yet.
	for range 2 {
		if id, other, held := l.WhoHolds(ctx, whoTimeout); held && other != n.incarnation {
			return nameTaken(id, n.cfg.Name)
		}
		if n.cloud.server == nil || len(n.cfg.Peers) == 0 {
			return nil
		}
		select {
		case <-time.After(meetPoll):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

const (
	// whoTimeout bounds the wait for whoever may have our name. A free name is told
	// at once.
	whoTimeout = time.Second
	// checkEvery is the least time between two questions who has it.
	checkEvery = time.Second
)

// namesake is the answer to a question who else has this node's name.
type namesake struct {
	id          mesh.Identity
	incarnation mesh.Incarnation
	held        bool // there was an answer
}

// checkName asks whether another live node has our name; a state message alone
// is no proof, anybody on the plane can send one.
func (l *loop) checkName(now time.Duration) {
	if l.checking || l.checked > 0 && now < l.checked+checkEvery {
		return
	}
	l.checking, l.checked = true, now
	ctx, at := l.life, l.plane.link
	go func() {
		var other namesake
		other.id, other.incarnation, other.held = at.WhoHolds(ctx, whoTimeout)
		l.checkDone <- other
	}()
}

// yields returns why the node has to give its name up; nil if it has not. Of two that
// live one does; see mesh.Claim.
func (l *loop) yields(other namesake) error {
	if !other.held || !l.claim.Yields(l.now(), other.id, other.incarnation) {
		return nil
	}
	return nameTaken(other.id, l.cfg.Name)
}
