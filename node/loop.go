package node

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
)

// loop is the one goroutine that owns the dispatch core. Everything that
// happens to the node comes to it over a channel; what the core decides is
// carried out before the next input is looked at. All fields are its own, but
// for the channels.
type loop struct {
	node  *Node
	cfg   Config
	log   *slog.Logger
	plane *plane
	core  *dispatch.Core
	hash  maphash.Seed // of payloads
	began time.Time

	// The local flow, in the order of the dispatch connection. No flood of
	// anything else keeps a worker's answer out: it would be taken for busy for
	// ever.
	answers chan *nats.Msg // and fences
	readies chan *nats.Msg // and who leaves: said again if it gets lost
	clients *intake
	calls   chan *call

	subs     []*nats.Subscription
	lossless lossless
	found    chan counted
	watch    chan watcher
	status   chan nats.Status // of the cloud connection
	alive    chan struct{}    // its pulse
	reopened chan *nats.Conn  // one in its place
	local    chan nats.Status // of the local connection

	census     *census
	fences     fences
	departed   departed
	left       map[string]bool // inboxes of workers that left while a pass may be under way
	forgot     time.Duration   // when all workers were forgotten: what they said before counts no more
	relays     relays
	unsent     backlog // answers
	nextLook   time.Duration
	sight      sight
	whys       *rate.Limiter  // questions for all decisions
	misled     rate.Sometimes // how often a wrong cloud plane is told of
	complaints complaints
	watchers   []watcher
	claim      mesh.Claim // to the name
	checking   bool       // a question who else has it is under way
	checked    time.Duration
	checkDone  chan namesake
	life       context.Context // ends with the loop
	beside     sync.WaitGroup  // what runs until then

	fx      []dispatch.Effect // scratch
	out     nats.Msg          // scratch: what is being sent
	alone   bool              // the cloud plane cannot be reached, or is of no use
	refused string            // what it does not let the node do; "": nothing
	ending  bool              // the node shuts down
	giveUp  time.Time         // when it does, if it drains
}

const (
	// buffered is how many messages may wait for the loop; see link.
	buffered = 1 << 16
	// readiesBuffered is how many READYs; a lost one is repeated.
	readiesBuffered = 1 << 14
)

func newLoop(n *Node, p *plane) (*loop, error) {
	core, err := newCore(n, p)
	if err != nil {
		return nil, err
	}
	l := &loop{
		node: n, cfg: n.cfg, log: n.log, plane: p,
		core: core, began: time.Now(), hash: maphash.MakeSeed(),
		answers:    make(chan *nats.Msg, buffered),
		readies:    make(chan *nats.Msg, readiesBuffered),
		clients:    newIntake(p.local, n.cfg.Name),
		calls:      make(chan *call, calling),
		found:      make(chan counted),
		claim:      mesh.Claim{Me: n.incarnation},
		checkDone:  make(chan namesake, 1),
		watch:      make(chan watcher),
		alive:      make(chan struct{}),
		reopened:   make(chan *nats.Conn),
		fences:     fences{subject: p.local.NewInbox() + ".", ended: make(chan uint64, buffered), log: n.log},
		left:       make(map[string]bool),
		sight:      make(sight),
		whys:       rate.NewLimiter(rate.Every(whyEvery), whyBurst),
		misled:     rate.Sometimes{Interval: sparingEvery},
		relays:     relays{waiting: make(map[string]relay)},
		complaints: complaints{log: n.log, kinds: make(map[string]*complaint)},
	}
	l.census = newCensus(n.local, l.found, n.log)
	return l, l.subscribe()
}

// serve runs the loop until the node has drained, was killed, or lost its name.
func (l *loop) serve(ctx context.Context) error {
	life, die := context.WithCancel(context.Background())
	l.life = life
	l.beside.Go(func() { l.census.run(life.Done()) })
	l.clients.guard()
	defer l.clients.end()
	defer func() {
		die()
		l.beside.Wait()
		if l.checking {
			<-l.checkDone
		}
	}()

	l.watchCloud()
	defer func() { l.plane.cloud.RemoveStatusListener(l.status) }()
	l.local = l.plane.local.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	defer l.plane.local.RemoveStatusListener(l.local)
	l.lookAtCloud()
	l.tick() // the first announcement
	close(l.node.ready)
	l.log.Info("node ready", "local", l.node.LocalURL(), "cloud", l.node.CloudURL(),
		"cluster", l.node.ClusterAddr(), "peers", l.cfg.Peers, "incarnation", l.node.incarnation.String())
	return l.run(ctx.Done())
}

// run takes one input after the other until the node ends. Done tells it to drain.
func (l *loop) run(done <-chan struct{}) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	set := time.Duration(-1)    // when the timer ends; -1: it does not run
	var giveUp <-chan time.Time // the drain timeout, once draining
	for {
		if l.ending && l.core.Drained() && len(l.relays.waiting) == 0 {
			return l.end()
		}
		if wake := l.core.Wake(); wake != set {
			timer.Reset(wake - l.now())
			set = wake
		}
		var first, firstCloud *nats.Msg
		var firstCall *call
		l.clients.waits()
		select {
		case first = <-l.answers:
		case first = <-l.readies:
		case first = <-l.clients.arrived:
		case firstCloud = <-l.plane.link.Messages():
		case firstCall = <-l.calls:
		case <-l.clients.more:
		case client := <-l.fences.ended:
			l.onEnded(client)
		case result := <-l.found:
			l.admit(result)
		case w := <-l.watch:
			l.watchers = append(l.watchers, w)
		case status := <-l.local:
			if status == nats.CONNECTED {
				l.answerRest()
				break
			}
			l.log.Error("the node's own connection to its local server was lost; all tasks in hand run again")
			l.forgetWorkers()
		case <-l.status:
			l.lookAtCloud()
		case err := <-l.plane.closed: // who starts the node anew helps, and nothing else
			_ = l.end()
			return err
		case why := <-l.plane.cut:
			l.reopen(why)
		case nc := <-l.reopened:
			if err := l.moveTo(nc); err != nil {
				return errors.Join(err, l.end())
			}
		case <-l.alive:
			l.takeAll() // what came before
			l.apply(l.core.Proved(l.now(), l.fx[:0]))
			if l.node.cloud.rights.proved() {
				l.told(l.plane.cloud.ForceReconnect())
			}
			l.lookAtCloud()
		case <-timer.C:
			set = -1
		case <-l.node.crew:
			l.core.Changed(l.now())
		case other := <-l.checkDone:
			l.checking = false
			if err := l.yields(other); err != nil {
				l.log.Error("the name of this node is taken", "error", err)
				return errors.Join(err, l.end())
			}
		case <-done:
			done, giveUp = nil, time.After(l.cfg.DrainTimeout)
			l.drain()
		case <-giveUp:
			l.log.Warn("the drain timeout passed with tasks in hand")
			return l.end()
		case <-l.node.kill:
			return nil
		}
		l.clients.works()
		switch {
		case first != nil:
			l.take(first)
		case firstCloud != nil:
			l.takeCloud(firstCloud)
		case firstCall != nil:
			l.takeCall(firstCall)
		}
		// A batch is as cheap to send as a message. So whoever woke the loop may
		// bring the rest first, and what else comes until then is taken along.
		runtime.Gosched()
		l.takeMore()
		runtime.Gosched()
		l.takeMore()
		l.tick()
		l.show()
	}
}

// tick does what is due.
func (l *loop) tick() {
	now := l.now()
	if now >= l.core.Wake() {
		stalls := l.core.Stats().Stalls
		l.apply(l.core.Tick(now, l.fx[:0]))
		if l.core.Stats().Stalls > stalls {
			l.log.Error("tasks wait beside idle workers; this is a fault of the node", "services", l.core.Stalled())
		}
	}
	if now >= l.nextLook {
		l.look(now)
	}
}

// now is the node's own clock: the time since it began.
func (l *loop) now() time.Duration { return time.Since(l.began) }
