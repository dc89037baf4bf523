package dispatch

import (
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// decisions is the last decisions about tasks that found no idle worker here: a
// ring, so that noting one allocates nothing. Those that find one at once are not
// noted.
type decisions struct {
	ring  []decision
	noted uint64 // in all
	tasks uint64 // the number of the last task
}

// decision is one of them, as it is noted.
type decision struct {
	at             time.Duration
	number         uint64 // of the task
	service        string
	origin         string
	did            string
	to             string
	attempt        mesh.Attempt
	home           mesh.Home
	keep           int
	candidates     int
	someCandidates [maxCandidates]mesh.Candidate
}

// maxCandidates bounds how many peers that might have had the task are noted.
const maxCandidates = 6

// next returns the entry for the next decision about a task, the oldest one's; nil
// if none are kept. What is in it is to be overwritten.
func (ds *decisions) next(now time.Duration, t *task, did string) *decision {
	if len(ds.ring) == 0 {
		return nil
	}
	if t.noted == 0 {
		ds.tasks++
		t.noted = ds.tasks
	}
	d := &ds.ring[ds.noted%uint64(len(ds.ring))]
	ds.noted++
	d.at, d.number, d.service, d.origin, d.did = now, t.noted, t.service.name, t.origin, did
	d.to, d.attempt, d.keep, d.candidates = "", t.attempt, 0, 0
	return d
}

// noteQueued notes that a task waits here, on the view of overflow.
func (c *Core) noteQueued(now time.Duration, t *task) {
	d := c.decisions.next(now, t, mesh.Queued)
	if d == nil {
		return
	}
	d.home = c.view
	if c.alone {
		d.home = c.home(now, t.service)
	}
}

// noteDelegated notes that a task went to a peer, on the view of the last look
// at them.
func (c *Core) noteDelegated(now time.Duration, t *task, r mesh.Route) {
	if d := c.decisions.next(now, t, mesh.Delegated); d != nil {
		d.to, d.home, d.keep = r.Peer.Name, c.view, r.Keep
		d.candidates = c.peers.Candidates(d.someCandidates[:])
	}
}

// noteDispatched notes that a worker got a task that other decisions are about.
func (c *Core) noteDispatched(now time.Duration, t *task, w *worker) {
	if d := c.decisions.next(now, t, mesh.Dispatched); d != nil {
		d.to, d.attempt = w.name, w.attempt
	}
}

// Decisions returns what is still known of the decisions about the task that an
// attempt is of, a dispatch or delegation of this node or the delegation of a
// guest; of the zero Attempt, all decisions. Oldest first. Began is when the node
// did. Most tasks find an idle worker at once: of them nothing is known.
func (c *Core) Decisions(began time.Time, a mesh.Attempt) []mesh.Decision {
	ds := &c.decisions
	n := min(ds.noted, uint64(len(ds.ring)))
	number := uint64(0)
	for i := range n {
		if d := &ds.ring[i]; d.attempt == a {
			number = d.number
		}
	}
	told := []mesh.Decision{} // so that none is [] in JSON
	for i := ds.noted - n; i < ds.noted; i++ {
		if d := &ds.ring[i%uint64(len(ds.ring))]; a == (mesh.Attempt{}) || number != 0 && d.number == number {
			told = append(told, d.tell(began))
		}
	}
	return told
}

func (d *decision) tell(began time.Time) mesh.Decision {
	told := mesh.Decision{
		At: began.Add(d.at), Task: d.number, Service: d.service, Origin: d.origin, Did: d.did, To: d.to, Keep: d.keep,
	}
	if d.attempt != (mesh.Attempt{}) {
		told.Attempt = d.attempt.String()
	}
	if d.did != mesh.Dispatched {
		told.View = d.home.View()
	}
	told.Candidates = append(told.Candidates, d.someCandidates[:min(d.candidates, maxCandidates)]...)
	return told
}
