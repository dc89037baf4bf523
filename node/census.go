package node

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// census finds out who a worker is. READY names an inbox; a worker is an inbox
// and the connection that holds its subscription, which only the server knows.
// One pass over the server's subscriptions answers for all READYs that wait,
// and passes take at most a tenth of the time. Once in a while a pass also looks
// whether all workers still subscribe to their inboxes: one that does not, on a
// connection that lives, has left without a word.
type census struct {
	server *localServer
	found  chan<- counted // to the loop
	log    *slog.Logger

	mu      sync.Mutex
	pending []dispatch.Ready
	audit   bool          // the next pass lists all subscriptions
	passing bool          // from the beginning of a pass until the loop has what it found
	wake    chan struct{} // holds one token while there may be something pending
}

// counted is what a pass found.
type counted struct {
	ready   []dispatch.Ready    // Client is 0 if nobody holds the inbox
	holders map[string]struct{} // every subject that is subscribed to; nil if the pass was no audit
	began   time.Time
}

// passShare bounds the passes: after one that took d, none begins for 9 d.
const passShare = 9

func newCensus(s *localServer, found chan<- counted, log *slog.Logger) *census {
	return &census{server: s, found: found, log: log, wake: make(chan struct{}, 1)}
}

// pendingMost is how many READYs may wait for a pass. One more is dropped: it will
// be said again.
const pendingMost = 1 << 16

// ask puts a READY on the list of the next pass.
func (c *census) ask(r dispatch.Ready) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) < pendingMost {
		c.pending = append(c.pending, r)
	}
}

// look has the next pass, which is due, look after all workers.
func (c *census) look() {
	c.mu.Lock()
	c.audit = true
	c.mu.Unlock()
	c.poke()
}

// poke tells that a pass is due. It never blocks.
func (c *census) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// forget takes the READYs of an inbox off the list of the next pass. It reports
// whether a pass is under way, which may have it on its own.
func (c *census) forget(inbox string) (passing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = slices.DeleteFunc(c.pending, func(r dispatch.Ready) bool { return r.ID.Inbox == inbox })
	return c.passing
}

// received notes that the loop has what the last pass found.
func (c *census) received() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passing = false
}

// run makes passes until done is closed.
func (c *census) run(done <-chan struct{}) {
	for {
		select {
		case <-c.wake:
		case <-done:
			return
		}
		result := counted{began: time.Now()}
		c.mu.Lock()
		ready, audit := c.pending, c.audit
		c.pending, c.audit, c.passing = nil, false, len(ready) > 0 || audit
		c.mu.Unlock()
		if len(ready) == 0 && !audit {
			continue
		}
		result.ready = ready
		result.holders = c.pass(ready, audit)
		took := time.Since(result.began) // without the time until the loop looks at it
		select {
		case c.found <- result:
		case <-done:
			return
		}
		select {
		case <-time.After(passShare * took):
		case <-done:
			return
		}
	}
}

// pass fills in the client id of each READY. If two connections hold an inbox,
// the newer one is meant: the older is about to be missed. An audit returns all
// subjects that are subscribed to.
func (c *census) pass(ready []dispatch.Ready, audit bool) (holders map[string]struct{}) {
	holder := make(map[string]uint64, len(ready))
	for _, r := range ready {
		holder[r.ID.Inbox] = 0
	}
	list, err := c.server.Subsz(&server.SubszOptions{Subscriptions: true, Account: localAccount, Limit: 1 << 30})
	if err != nil {
		c.log.Error("cannot list the server's subscriptions", "error", err) // READY is repeated
		return nil
	}
	if audit {
		holders = make(map[string]struct{}, len(list.Subs))
	}
	for _, sub := range list.Subs {
		if audit {
			holders[sub.Subject] = struct{}{}
		}
		if known, wanted := holder[sub.Subject]; wanted {
			holder[sub.Subject] = max(known, sub.Cid)
		}
	}
	for i := range ready {
		ready[i].ID.Client = holder[ready[i].ID.Inbox]
	}
	return holders
}
