package workerpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// inboxSize is the room for messages a worker has not looked at. One is a
// dispatch; the server may add word that no node listens to READY.
const inboxSize = 8

// leaveRetry is how long a worker waits for the node's confirmation before it
// says again that it leaves.
const leaveRetry = time.Second

// worker is one worker: a subscription to its inbox, and the goroutine of run.
type worker struct {
	pool    *pool
	sub     *nats.Subscription
	inbox   chan *nats.Msg // nil: look whether it has left
	left    atomic.Bool    // no dispatch comes any more
	unheard int            // how often, since the last task, no node listened to its READY
	ready   *nats.Msg      // the READY message, the same each time

	// mu orders READY and tasks: READY is published under it while busy is
	// false, so none follows the beginning of a task before its answer.
	mu      sync.Mutex
	busy    bool
	attempt string                  // of the task in hand, as is the next
	cancel  context.CancelCauseFunc // nil: there is none, or it has not begun
	over    error                   // why no task may begin; nil: they may
}

// newWorker subscribes a worker to a fresh inbox; it does nothing until run. Its
// READY names where it is told that a task counts no more.
func newWorker(p *pool, name, cancels string) (*worker, error) {
	w := &worker{
		pool:  p,
		inbox: make(chan *nats.Msg, inboxSize),
		ready: &nats.Msg{Subject: mesh.WithService(mesh.SubjectReady, p.cfg.Service), Reply: p.nc.NewInbox()},
	}
	w.ready.Header = nats.Header{mesh.HeaderCancel: {cancels}}
	if name != "" {
		w.ready.Header[mesh.HeaderWorker] = []string{name}
	}
	if why := mesh.CheckInbox(w.ready.Reply); why != "" {
		return nil, fmt.Errorf("the connection's inbox prefix makes %s", why)
	}
	var err error
	w.sub, err = p.nc.ChanSubscribe(w.ready.Reply, w.inbox)
	return w, err
}

// announce says READY if the worker holds no task.
func (w *worker) announce() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || len(w.inbox) > 0 {
		return nil
	}
	return w.pool.nc.PublishMsg(w.ready)
}

// run does the tasks that arrive until the worker has left, then unsubscribes.
func (w *worker) run() {
	done := false
	defer func() {
		if done {
			w.pool.exited <- struct{}{}
		} else {
			go w.run() // a handler called runtime.Goexit, which took the goroutine along
		}
	}()
	for !w.left.Load() {
		w.receive(<-w.inbox)
	}
	w.receiveRest()
	w.pool.answers.send()
	// Not before the task in hand is answered: a node may take a worker
	// without a subscription for dead. An error says that the connection is
	// closed, so the subscription is gone.
	_ = w.sub.Unsubscribe()
	w.receiveRest() // if the node did not confirm, one may have come until now
	w.pool.answers.send()
	done = true
}

// receiveRest does what is in the inbox and waits for nothing.
func (w *worker) receiveRest() {
	for {
		select {
		case m := <-w.inbox:
			w.receive(m)
		default:
			return
		}
	}
}

// receive takes one message of the inbox: a dispatch, or else nothing to do.
func (w *worker) receive(m *nats.Msg) {
	if m == nil {
		return
	}
	attempt, ok := strings.CutPrefix(m.Reply, mesh.SubjectDone+".")
	switch {
	case ok:
		w.unheard = 0
		w.do(m, attempt)
	case m.Reply == "" && m.Header.Get("Status") == "503":
		w.unheard++
		if w.unheard == 2 && !w.pool.unheard.Swap(true) { // the first time the node may be about to be there
			w.log().Warn("no node listens to READY; is this the local port of a node?")
		} else {
			w.log().Debug("no node listens to READY")
		}
	default:
		w.log().Warn("dropped a message that is no task", "reply", m.Reply)
	}
}

// do does one task and answers it, whatever the handler does.
func (w *worker) do(m *nats.Msg, attempt string) {
	began := time.Now()
	ctx, err := w.begin(attempt)
	var body []byte
	var failure *Error
	returned := false
	defer func() {
		if !returned {
			failure = w.crash(recover())
		}
		w.pool.answers.put(answer{w, attempt, body, failure}, time.Since(began))
	}()
	if err == nil {
		body, err = w.handle(ctx, &Task{Service: w.pool.cfg.Service, Data: m.Data, Header: m.Header, Attempt: attempt, limit: int(w.pool.nc.MaxPayload())})
	}
	failure = fault(err) // here, for the handler's own Error method may panic as well
	returned = true
}

// handle calls the handler with the task's context, which ends at the task's
// deadline and when it returns.
func (w *worker) handle(ctx context.Context, t *Task) ([]byte, error) {
	defer w.finish()
	left, ok, err := t.timeout()
	if err != nil {
		// The node ends the task at its deadline anyway: only work can be wasted.
		w.log().Warn("dispatch with a malformed "+mesh.HeaderTimeout, "attempt", t.Attempt, "error", err)
	}
	if ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	return w.pool.handler.Handle(ctx, t)
}

// crash returns the answer for a handler that did not return: it panicked, or
// it ended its goroutine, and then there is nothing to recover.
func (w *worker) crash(recovered any) *Error {
	if recovered == nil {
		w.log().Error("a handler ended its goroutine", "stack", string(debug.Stack()))
		return &Error{Code: mesh.CodeFailed, Text: "the handler ended its goroutine"}
	}
	text := fmt.Sprint(recovered)
	w.log().Error("a handler panicked", "panic", text, "stack", string(debug.Stack()))
	return &Error{Code: mesh.CodeFailed, Text: "panic: " + text}
}

// leave tells the node that the worker takes no more tasks. It returns true when
// the node has confirmed or there is no node, and false when ctx ends. The server
// keeps the order of a node's messages, so what was dispatched before the
// confirmation is then in the inbox.
func (w *worker) leave(ctx context.Context) (polite bool) {
	defer func() {
		w.left.Store(true)
		select {
		case w.inbox <- nil:
		default: // there is something else for it to look at
		}
	}()
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, leaveRetry)
		_, err := w.pool.nc.RequestWithContext(try, mesh.SubjectLeave, []byte(w.ready.Reply))
		polite = err == nil || errors.Is(err, nats.ErrNoResponders)
		if !polite {
			w.log().Debug("no confirmation that the worker leaves", "error", err)
			<-try.Done() // not to spin on an error that comes at once
		}
		cancel()
		if polite {
			return true
		}
	}
	return false
}

func (w *worker) log() *slog.Logger {
	return w.pool.cfg.Logger.With("service", w.pool.cfg.Service, "inbox", w.ready.Reply)
}
