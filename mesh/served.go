package mesh

import (
	"iter"
	"slices"
	"time"
)

// served is what is known of one service at the peers, in any order: Overflow
// shuffles it.
type served struct {
	near []*peerLoad // neighbours: of every change
	far  []*peerLoad // the others: of their heartbeats, and what rides on answers
}

func (s served) all() iter.Seq[*peerLoad] {
	return func(yield func(*peerLoad) bool) {
		for _, list := range [...][]*peerLoad{s.near, s.far} {
			for _, l := range list {
				if !yield(l) {
					return
				}
			}
		}
	}
}

func (s *served) of(p *Peer) *[]*peerLoad {
	if p.near {
		return &s.near
	}
	return &s.far
}

func (ps *Peers) drop(l *peerLoad) {
	s := ps.byService[l.service]
	list := s.of(l.peer)
	*list = slices.DeleteFunc(*list, func(m *peerLoad) bool { return m == l })
	if len(s.near)+len(s.far) == 0 {
		delete(ps.byService, l.service)
	} else {
		ps.byService[l.service] = s
	}
}

func (ps *Peers) add(l *peerLoad) {
	if ps.byService == nil {
		ps.byService = make(map[string]served)
	}
	s := ps.byService[l.service]
	list := s.of(l.peer)
	*list = append(*list, l)
	ps.byService[l.service] = s
}

// beyond returns those to look at if no neighbour has a slot. None if so many
// neighbours serve that old news of others bring nothing but tasks that come back
// (docs/routing.md); if these are all of the node's region, the peers of other
// regions, which help when this one is full.
func (ps *Peers) beyond(s served) []*peerLoad {
	serving, abroad := 0, ps.Region == ""
	for _, l := range s.near {
		if l.serves() {
			serving++
			abroad = abroad || ps.abroad(l.peer)
		}
	}
	switch {
	case serving < minRings:
		return s.far
	case abroad:
		return nil
	}
	n := 0
	for i, l := range s.far {
		if ps.abroad(l.peer) {
			s.far[i], s.far[n] = s.far[n], l
			n++
		}
	}
	return s.far[:n]
}

// survey is how many tasks the peers have waiting that others may have, and the
// shortest round trip that was measured to one that serves, in this node's region if
// it was told one; 0 if none was.
func (ps *Peers) survey(loads []*peerLoad) (excess int, nearest time.Duration) {
	for _, l := range loads {
		if !l.peer.open() {
			continue
		}
		excess += l.excess
		d := l.peer.roundTrip
		if l.workers > 0 && d > 0 && (nearest == 0 || d < nearest) && !ps.abroad(l.peer) {
			nearest = d
		}
	}
	return excess, nearest
}

// sort makes the table anew, for who is near has changed.
func (ps *Peers) sort() {
	clear(ps.byService)
	for _, p := range ps.list {
		for _, l := range p.loads {
			ps.add(l)
		}
	}
}

// stale reports whether what is known may have changed without a word: a node that
// is no neighbour tells of changes with its next heartbeat. Its idle workers are
// expected then, not sure.
func (l *peerLoad) stale(now time.Duration) bool {
	return !l.peer.near && l.heard+Interval(l.serviceTime) < now
}
