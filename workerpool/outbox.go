package workerpool

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// quick is how long a task may take for its answer to wait for others. One
// system call for a batch of answers costs as much as one for each.
const quick = 20 * time.Microsecond

// outbox sends the answers of a pool's workers. Tasks that come together and are
// quick are answered together: whoever puts the first answer into the box lets the
// others go on before it sends what is there by then. Otherwise the library
// writes the first answer, and only then looks for more.
type outbox struct {
	mu      sync.Mutex
	waiting []answer

	sending sync.Mutex // held from when answers are taken out until they are sent
	spare   []answer   // under sending
}

// answer is the answer to a task: the body, or the failure unless it is nil.
type answer struct {
	from    *worker
	attempt string
	body    []byte
	failure *Error
}

// put has an answer sent: soon, or before it returns unless the task was quick.
func (o *outbox) put(a answer, took time.Duration) {
	if len(a.from.pool.workers) == 1 { // there is nobody to wait for
		a.send()
		return
	}
	o.mu.Lock()
	o.waiting = append(o.waiting, a)
	first := len(o.waiting) == 1
	o.mu.Unlock()
	switch {
	case took > quick:
		o.send()
	case first:
		runtime.Gosched()
		o.send()
	}
}

// send sends what is in the box. What was in it before is sent when it returns.
func (o *outbox) send() {
	o.sending.Lock()
	defer o.sending.Unlock()
	o.mu.Lock()
	batch := o.waiting
	o.waiting = o.spare[:0]
	o.mu.Unlock()
	for i := range batch {
		batch[i].send()
	}
	clear(batch)
	o.spare = batch
}

// send publishes the answer. From then on, and not before, the worker is idle:
// no READY overtakes the answer, and the next task finds it idle.
func (a *answer) send() {
	w, nc := a.from, a.from.pool.nc
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	var err error
	if a.failure == nil {
		err = nc.PublishRequest(mesh.SubjectDone, a.attempt, a.body)
		if errors.Is(err, nats.ErrMaxPayload) {
			a.failure = &Error{Code: mesh.CodeFailed, Text: fmt.Sprintf(
				"reply of %d bytes larger than the server's limit of %d", len(a.body), nc.MaxPayload())}
		}
	}
	if a.failure != nil {
		err = nc.PublishMsg(a.failure.reply(a.attempt))
	}
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrConnectionClosed):
		// For good, which Run returns. To the node the task is lost with the connection.
		w.log().Debug("no connection is left for an answer", "attempt", a.attempt)
	default:
		// READY tells the node, sooner or later, that this worker has no task.
		w.log().Error("could not send an answer", "attempt", a.attempt, "error", err)
	}
}
