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
	tasks   int     // in any place
	runTime float64 // moving average, ns; 0: unknown
}

// runTimeWeight is the weight of one more run in the moving average.
const runTimeWeight = 1.0 / 16

func (s *service) ran(d time.Duration) {
	if s.runTime == 0 {
		s.runTime = float64(d)
		return
	}
	s.runTime += (float64(d) - s.runTime) * runTimeWeight
}

func (s *service) load(now time.Duration) mesh.Load {
	l := mesh.Load{
		Service: s.name, Workers: s.workers, Idle: s.idle.n, Waiting: s.queue.n, Guests: s.guests,
		ServiceMS: math.Round(s.runTime/float64(time.Microsecond)) / 1000,
	}
	if s.queue.head != nil {
		l.OldestMS = max(0, (now - s.queue.head.arrived).Milliseconds())
	}
	return l
}

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
