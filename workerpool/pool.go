package workerpool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// burst is how many workers, about, repeat READY together. A larger pool does it in
// parts, so that no task has to wait for long behind it; a smaller one wakes its
// node, which may have many, once in an interval.
const burst = 256

// pool is the workers of one Run.
type pool struct {
	nc      *nats.Conn
	cfg     Config
	handler Handler
	workers []*worker
	cancels *nats.Subscription // to the node's word that a task counts no more
	early   early              // that word, come before its task
	answers outbox
	unheard atomic.Bool     // the log has it that no node listens
	exited  chan struct{}   // one from each worker that has ended
	values  context.Context // of Run, without its end: what the contexts of tasks are made of
}

// Run serves tasks on the connection until ctx ends, and then until every
// worker has left politely: it told the node, finished and answered its task,
// and unsubscribed. It leaves the connection open, and its handlers for events
// to the caller. Any number of pools can share a connection.
//
// It returns nil after a polite end; an end in which no node was there to tell
// is polite too. It returns an error for a wrong Config, nil argument or failed
// subscription, before any worker is announced; wrapping
// nats.ErrConnectionClosed when the connection is closed for good, as after the
// last reconnect attempt that its options allow; wrapping ErrStuck when
// handlers do not return; and when the node did not confirm within
// Config.DrainTimeout that the workers leave, or the server within
// Config.CancelTimeout that it has the last answers. Errors while the connection is
// down for a time are none: the workers announce themselves when it is back.
func Run(ctx context.Context, nc *nats.Conn, cfg Config, h Handler) error {
	if nc == nil || h == nil {
		return errors.New("workerpool: the connection or the handler is nil")
	}
	cfg, err := cfg.complete()
	if err != nil {
		return fmt.Errorf("workerpool: %w", err)
	}
	p := &pool{nc: nc, cfg: cfg, handler: h, exited: make(chan struct{}, cfg.Workers), values: context.WithoutCancel(ctx)}
	defer p.end()

	// Before anything else looks at the connection, not to miss an event.
	events := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(events)

	if err := p.start(); err != nil {
		return fmt.Errorf("workerpool: subscribe: %w", err)
	}
	if err := p.stop(events, p.serve(ctx, events)); err != nil {
		return fmt.Errorf("workerpool: %w", err)
	}
	return nil
}

// start subscribes all workers, then lets them run.
func (p *pool) start() (err error) {
	defer func() {
		if err != nil {
			for _, w := range p.workers {
				_ = w.sub.Unsubscribe() // fails if the connection is closed; err says so
			}
		}
	}()
	p.workers = make([]*worker, 0, p.cfg.Workers)
	cancels := p.nc.NewInbox()
	for i := range p.cfg.Workers {
		w, err := newWorker(p, mesh.WorkerName(p.cfg.Name, i, p.cfg.Workers), cancels)
		if err != nil {
			return err
		}
		p.workers = append(p.workers, w)
	}
	if p.cancels, err = p.nc.Subscribe(cancels, p.cancel); err != nil {
		return err
	}
	for _, w := range p.workers {
		go w.run()
	}
	return nil
}

// end ends the contexts of handlers that still run: of those that are stuck.
func (p *pool) end() {
	p.giveUp(errDrained)
	if p.cancels != nil {
		_ = p.cancels.Unsubscribe() // fails if the connection is closed: then it has ended
	}
}

// serve keeps the idle workers announced. It returns nil when ctx ends, and
// errClosed when the connection is closed for good.
func (p *pool) serve(ctx context.Context, events <-chan nats.Status) error {
	shares := (p.cfg.Workers + burst - 1) / burst
	tick := time.NewTicker(p.cfg.ReadyInterval / time.Duration(shares))
	defer tick.Stop()
	p.announce(0, 1)
	for share := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case event := <-events:
			if event == nats.CLOSED {
				return errClosed
			}
			p.announce(0, 1)
		case <-tick.C:
			p.announce(share, shares)
			share = (share + 1) % shares
		}
	}
}

// announce has every shares-th worker, from number share, say READY if it is
// idle. Without a connection none does: READY would fill the buffer that
// answers need, to say nothing new once they are sent.
func (p *pool) announce(share, shares int) {
	if p.nc.Status() != nats.CONNECTED {
		return
	}
	for i := share; i < len(p.workers); i += shares {
		if err := p.workers[i].announce(); err != nil {
			p.workers[i].log().Debug("could not send READY", "error", err)
			return
		}
	}
}

// stop has all workers leave and waits for them: for as long as the config
// allows, or, if the connection was lost or is now, as short as it allows.
func (p *pool) stop(events <-chan nats.Status, lost error) error {
	leaving, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	var leavers sync.WaitGroup
	var impolite atomic.Int64
	for _, w := range p.workers {
		leavers.Go(func() {
			if !w.leave(leaving) {
				impolite.Add(1)
			}
		})
	}

	limit := time.NewTimer(p.cfg.DrainTimeout)
	defer limit.Stop()
	hurried := false
	hurry := func(cause error) {
		if !hurried {
			hurried = true
			giveUp()
			p.giveUp(cause)
			limit.Reset(p.cfg.CancelTimeout)
		}
	}
	if lost != nil {
		hurry(lost)
	}
	var stuck error
	for running := len(p.workers); running > 0 && stuck == nil; {
		select {
		case <-p.exited:
			running--
		case event := <-events:
			if event == nats.CLOSED {
				lost = errClosed
				hurry(lost)
			}
		case <-limit.C:
			if hurried {
				stuck = fmt.Errorf("%d %w", running, ErrStuck)
			}
			hurry(errDrained)
		}
	}
	leavers.Wait() // they have ended, or giveUp was called
	if lost != nil {
		return errors.Join(lost, stuck)
	}
	var unconfirmed error
	if n := impolite.Load(); n > 0 {
		unconfirmed = fmt.Errorf("%d of %d workers left without the node's confirmation", n, len(p.workers))
	}
	return errors.Join(stuck, unconfirmed, p.flush())
}

// flush waits until the server has the last answers.
func (p *pool) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.CancelTimeout)
	defer cancel()
	if err := p.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("the last answers may not have been sent: %w", err)
	}
	return nil
}
