package dispatch

import (
	"iter"
	"maps"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// WorkerID is what a worker is: an inbox, and the id of the connection that
// holds its subscription. A reconnect with the same inbox is another worker.
type WorkerID struct {
	Inbox  string
	Client uint64
}

// worker is idle (in its service's idle list), busy (has a task), stuck (has an
// attempt whose task was taken back, and has not answered yet), or put aside.
type worker struct {
	slot       uint32
	generation uint32
	id         WorkerID
	name       string // for people; the inbox if the worker gave none
	cancel     string // where to tell it that its task counts no more; "": nowhere
	service    *service
	leaving    bool
	since      time.Duration // when it became known
	failures   int           // tasks in a row that failed
	aside      time.Duration // until when it gets no task; 0: it does

	attempt mesh.Attempt // in hand; the zero Attempt when idle
	task    *task        // nil when idle or stuck
	started time.Duration

	// again is a READY under another connection that came while the task was
	// in hand: what the worker becomes when this connection's end is known.
	again *Ready

	prev, next             *worker // in the idle list
	clientPrev, clientNext *worker // among the workers of one connection
}

func (w *worker) idle() bool { return w.attempt == mesh.Attempt{} && w.aside == 0 }

// workers holds every worker of the node, by slot, inbox and connection.
type workers struct {
	all      []*worker
	free     []*worker
	byInbox  map[string]*worker
	byClient map[uint64]*worker // first of a list
	again    int                // how many have a READY kept
}

func newWorkers() workers {
	return workers{byInbox: make(map[string]*worker), byClient: make(map[uint64]*worker)}
}

func (ws *workers) add(id WorkerID) *worker {
	var w *worker
	if n := len(ws.free); n > 0 {
		w = ws.free[n-1]
		ws.free = ws.free[:n-1]
	} else {
		w = &worker{slot: uint32(len(ws.all))}
		ws.all = append(ws.all, w)
	}
	w.id = id
	ws.byInbox[id.Inbox] = w
	if first := ws.byClient[id.Client]; first != nil {
		w.clientNext, first.clientPrev = first, w
	}
	ws.byClient[id.Client] = w
	return w
}

// back keeps a worker's READY under another connection, or forgets it.
func (ws *workers) back(w *worker, r *Ready) {
	if w.again != nil {
		ws.again--
	}
	if w.again = r; r != nil {
		ws.again++
	}
}

// notBack forgets the READYs that are kept of a connection that has ended.
func (ws *workers) notBack(client uint64) {
	if ws.again == 0 {
		return // nearly always
	}
	for _, w := range ws.all {
		if w.again != nil && w.again.ID.Client == client {
			ws.back(w, nil)
		}
	}
}

func (ws *workers) remove(w *worker) {
	ws.back(w, nil)
	delete(ws.byInbox, w.id.Inbox)
	switch {
	case w.clientPrev != nil:
		w.clientPrev.clientNext = w.clientNext
	case w.clientNext != nil:
		ws.byClient[w.id.Client] = w.clientNext
	default:
		delete(ws.byClient, w.id.Client)
	}
	if w.clientNext != nil {
		w.clientNext.clientPrev = w.clientPrev
	}
	*w = worker{slot: w.slot, generation: w.generation}
	ws.free = append(ws.free, w)
}

// holding returns the worker that has the attempt in hand, nil if none has.
func (ws *workers) holding(a mesh.Attempt) *worker {
	if int64(a.Slot) >= int64(len(ws.all)) || (a == mesh.Attempt{}) {
		return nil
	}
	if w := ws.all[a.Slot]; w.attempt == a {
		return w
	}
	return nil
}

// idleList is the idle workers of one service, least recently used first.
type idleList struct {
	head, tail *worker
	n          int
}

func (l *idleList) push(w *worker) {
	l.n++
	if l.tail == nil {
		l.head, l.tail = w, w
		return
	}
	w.prev, l.tail.next, l.tail = l.tail, w, w
}

func (l *idleList) remove(w *worker) {
	l.n--
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// Knows reports whether the inbox is a worker's.
func (c *Core) Knows(inbox string) bool { return c.workers.byInbox[inbox] != nil }

// Clients returns the connections that have workers.
func (c *Core) Clients() iter.Seq[uint64] { return maps.Keys(c.workers.byClient) }

// Holds reports whether the attempt is in the hands of the worker with that
// inbox. The shell asks before it believes a status message about one.
func (c *Core) Holds(a mesh.Attempt, inbox string) bool {
	w := c.workers.holding(a)
	return w != nil && w.id.Inbox == inbox
}
