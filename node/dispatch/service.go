package dispatch

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// service is one kind of work: its queue and its idle workers.
type service struct {
	name    string
	queue   queue
	idle    idleList
	workers int
	aside   int // of the workers
	guests  int
	tasks   int // in any place

	began    time.Duration // when the queue did
	moved    time.Duration // when a task was last started or done here
	runs     int           // up to what the average of their time goes back to
	runTime  float64       // moving average, ns; 0: unknown
	arrivals arrivals      // from the node's own clients
	taken    mesh.Recent   // tasks from peers

	toldIdle   bool // the last announcement had an idle worker
	toldExcess bool // the last announcement had tasks for peers

	stalled int // looks in a row that found a waiting task and an idle worker
}

// ran takes the time of one more run into the average. It goes back over some
// runs of each worker: routing needs a steady figure more than a quick one.
func (s *service) ran(now, d time.Duration) {
	s.moved = now
	s.runs = min(s.runs+1, max(64, min(10*s.workers, 1024)))
	s.runTime += (float64(max(d, 1)) - s.runTime) / float64(s.runs)
}

func (s *service) serviceTime() time.Duration { return time.Duration(s.runTime) }

// memory is how far back the rate of arrivals goes: over enough of them that it
// is steady, and over some round trips, for which it decides.
func (c *Core) memory(s *service) time.Duration {
	if s.runTime == 0 || s.workers == 0 {
		return time.Second
	}
	return max(50*time.Duration(s.runTime)/time.Duration(s.workers), 10*c.peers.Nearest(), 100*time.Millisecond)
}

// home is what routing needs to know of the service here.
func (c *Core) home(now time.Duration, s *service) mesh.Home {
	h := mesh.Home{Workers: s.workers - s.aside, Waiting: s.queue.n, ServiceTime: s.serviceTime(), Arrivals: s.arrivals.rate(now, c.memory(s)), Guests: s.taken.Value(now)}
	if oldest := s.queue.oldest(); oldest != nil {
		h.Oldest, h.Still = now-oldest.queued, now-max(s.began, s.moved)
	}
	if s.hangs(now) {
		h.Workers, h.ServiceTime = 0, 0
	}
	if first := s.queue.free.head; first != nil {
		h.Final, h.Lasts = first.final(), first.lasts()
	}
	if c.draining {
		h.Arrivals = math.Inf(1) // keep nothing
	}
	return h
}

// excess is how many of the waiting tasks a peer may have, one that is as near
// as they come. Those that may not go, guests among them, are not left out: by the
// forecasts it makes no difference.
func (c *Core) excess(h mesh.Home) int {
	if h.Waiting == 0 {
		return 0
	}
	return max(0, h.Waiting-h.Keep(c.peers.Nearest()))
}

func (c *Core) load(now time.Duration, s *service) mesh.Load {
	h := c.home(now, s)
	l := mesh.Load{
		Service: s.name, Workers: s.workers, Idle: s.idle.n, Waiting: s.queue.n, Guests: s.guests,
		Excess:    c.excess(h),
		ServiceMS: math.Round(float64(h.ServiceTime)/float64(time.Microsecond)) / 1000,
		Spare:     hundredth(h.Spare()),
		Demand:    hundredth(s.taken.Value(now)),
	}
	if oldest := s.queue.oldest(); oldest != nil {
		l.OldestMS = (now - oldest.arrived).Milliseconds()
	}
	return l
}

// hundredth rounds what is told to what the wire carries.
func hundredth(x float64) float64 { return math.Round(x*100) / 100 }

// services holds the services that have a worker or a task. A client may name
// any service, so one that has neither is forgotten; the default one stays.
type services struct {
	standard *service
	byName   map[string]*service
	list     []*service // in order of name
}

func newServices() services {
	s := &service{}
	return services{standard: s, byName: map[string]*service{"": s}, list: []*service{s}}
}

func (ss *services) get(name string) *service {
	if name == "" {
		return ss.standard
	}
	s := ss.byName[name]
	if s == nil {
		s = &service{name: name}
		ss.byName[name] = s
		i, _ := ss.search(name)
		ss.list = slices.Insert(ss.list, i, s)
	}
	return s
}

// tidy forgets the service if nothing is left of it.
func (ss *services) tidy(s *service) {
	if s == ss.standard || s.workers > 0 || s.tasks > 0 {
		return
	}
	delete(ss.byName, s.name)
	if i, ok := ss.search(s.name); ok {
		ss.list = slices.Delete(ss.list, i, i+1)
	}
}

func (ss *services) search(name string) (int, bool) {
	return slices.BinarySearchFunc(ss.list, name, func(s *service, name string) int { return strings.Compare(s.name, name) })
}
