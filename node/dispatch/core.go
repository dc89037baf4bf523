package dispatch

import (
	"math/rand/v2"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// Core is the state of one node. Times given to its methods are since the
// node's start and must not go back.
type Core struct {
	cfg          Config
	random       *rand.Rand
	tasks        tasks
	due          dues
	workers      workers
	services     services
	guests       map[mesh.Attempt]*task // by the origin's attempt
	kept         kept
	dedup        dedup
	waiting      int                // tasks in all queues, and those of absent clients
	clients      map[string]*client // of which tasks wait or have joined others
	spare        *client            // the last that was forgotten: of one task at a time no garbage is made
	waitingBytes int                // of the tasks that do
	away         int                // tasks with peers

	peers      mesh.Peers
	alone      bool // the cloud plane cannot be reached
	nextExpiry time.Duration
	proved     time.Duration // when the link to the cloud plane was known to be alive
	nextAsk    time.Duration // meaningful, as is the next, while tasks are away
	nextPing   time.Duration

	aside     []*worker // that get no task for a while
	nextAside time.Duration
	nextTrial time.Duration // of a peer that is aside
	nextStall time.Duration // that is looked for
	nextTry   time.Duration // of tasks that wait by chance

	announcer mesh.Announcer
	sequence  uint64
	draining  bool
	last      int // tasks that were here when the drain began
	leaving   bool

	decisions decisions
	view      mesh.Home // of the last look at the peers

	stats Stats
}

// New returns a core without workers, tasks or peers. It is due at once, to
// announce itself.
func New(cfg Config) *Core {
	return &Core{
		cfg:        cfg,
		random:     rand.New(rand.NewChaCha8(cfg.Seed)),
		workers:    newWorkers(),
		services:   newServices(),
		guests:     make(map[mesh.Attempt]*task),
		clients:    make(map[string]*client),
		dedup:      dedup{byKey: make(map[repeatKey]*repeat)},
		peers:      mesh.Peers{Expiry: cfg.PeerExpiry, RoundTrip: cfg.RoundTrip, Region: cfg.Region},
		nextExpiry: cfg.PeerExpiry,
		nextAside:  never,
		nextTrial:  never,
		nextTry:    never,
		decisions:  decisions{ring: make([]decision, cfg.Decisions)},
		announcer:  mesh.Announcer{Interval: mesh.Interval(0), Heartbeat: cfg.Heartbeat},
	}
}

// Stats returns the counts so far.
func (c *Core) Stats() Stats { return c.stats }

// Wake returns when Tick has something to do next.
func (c *Core) Wake() time.Duration {
	at := min(c.announcer.Next(), c.nextAside, c.nextTrial, c.nextTry)
	if !c.alone {
		at = min(at, c.nextExpiry)
	}
	if len(c.due) > 0 {
		at = min(at, c.due[0].due)
	}
	if c.away > 0 && !c.alone {
		at = min(at, c.nextPing)
	}
	return at
}

// Tick does what is due at time now: deadlines, silent peers, questions about
// delegated tasks, a look for stalls, the announcement.
func (c *Core) Tick(now time.Duration, fx []Effect) []Effect {
	for len(c.due) > 0 && c.due[0].due <= now {
		fx = c.overdue(now, c.due[0], fx)
	}
	if now >= c.nextAside {
		fx = c.probe(now, fx)
	}
	if now >= c.nextExpiry && !c.alone {
		fx = c.expirePeers(now, fx)
	}
	if c.away > 0 && now >= c.nextPing && !c.alone {
		fx = c.watchPeers(now, fx)
	}
	if now >= c.nextTrial {
		fx = c.tryPeers(now, fx)
	}
	if now >= c.nextTry {
		c.nextTry = never
		fx = c.feedAll(now, fx)
	}
	if now >= c.nextStall {
		c.lookForStalls(now)
	}
	if now >= c.announcer.Next() {
		c.announcer.Interval = c.interval()
		c.dedup.purge(now, c.cfg.DedupBytes)
		c.purgeKept(now)
		fx = c.announce(now, fx)
	}
	return fx
}

// interval is the least time between two announcements, by the shortest tasks;
// the most there is while no peer makes use of them.
func (c *Core) interval() time.Duration {
	if c.cfg.AnnounceInterval > 0 {
		return c.cfg.AnnounceInterval
	}
	if len(c.peers.All()) == 0 {
		return mesh.MaxInterval
	}
	shortest := time.Duration(0)
	for _, s := range c.services.list {
		if d := s.serviceTime(); s.workers > 0 && d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	return mesh.Interval(shortest)
}

// overdue acts on a task whose moment has come.
func (c *Core) overdue(now time.Duration, t *task, fx []Effect) []Effect {
	if t.place == absent && !c.present(now, t) {
		return c.stillAbsent(now, t, fx)
	}
	if t.deadline > 0 && t.deadline <= now {
		code, reason := mesh.CodeDeadline, "the deadline passed"
		if t.place == waiting && !t.guest && !c.serves(t.service) {
			code, reason = mesh.CodeNoService, noService(t.service.name)
		}
		return c.refuse(now, t, code, reason, fx)
	}
	switch t.place {
	case waiting:
		if until := c.leaves(t); until > now {
			c.due.set(t, until)
			return fx
		}
		if !c.serves(t.service) {
			return c.refuse(now, t, mesh.CodeNoService, noService(t.service.name), fx)
		}
		return c.refuse(now, t, mesh.CodeUnavailable, "no worker became free in time", fx)
	case running: // the attempt timeout; the worker is stuck until it answers
		fx = c.cancel(t, mesh.CodeDeadline, "the attempt took too long", fx)
		c.takeBack(t)
		return c.lost(now, t, fx)
	case absent:
		return c.welcome(now, t, fx)
	}
	c.due.set(t, 0)
	return fx
}

// serves reports whether the mesh has a worker for the service.
func (c *Core) serves(s *service) bool { return s.workers > 0 || c.peers.Serves(s.name) }

func noService(name string) string {
	if name == "" {
		return "no node of the mesh has a worker"
	}
	return "no node of the mesh has a worker for service " + name
}

// attemptOf makes an unguessable id for the next attempt on a slot.
func (c *Core) attemptOf(slot uint32, generation *uint32) mesh.Attempt {
	*generation++
	return mesh.Attempt{Incarnation: c.cfg.Incarnation, Slot: slot, Generation: *generation, Random: c.random.Uint64()}
}
