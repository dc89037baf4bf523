package supervise

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool/supervise/restart"
)

// What a process finds in its environment about itself, besides the variables of
// the process that supervises it. They do not begin with MESH_, which is for the
// configuration of nodes.
const (
	EnvURL     = "NATS_URL"           // the node's local port
	EnvService = "BROKERMESH_SERVICE" // that it is to offer; set to nothing for the default service
	EnvWorker  = "BROKERMESH_WORKER"  // its name, the same after a restart
	EnvNode    = "BROKERMESH_NODE"    // the node's name, if that is what supervises it
)

// envPrefix is what a process does not inherit: what this one was told of itself.
const envPrefix = "BROKERMESH_"

// policy is how patient a supervisor is.
var policy = restart.Config{
	First: 100 * time.Millisecond, Max: time.Second, Well: 5 * time.Second,
	Limit: 6, Pause: 2 * time.Second, MaxPause: time.Minute,
}

// Config is what there is to run. Program, Processes, Name and URL have to be set.
type Config struct {
	Program   []string // and its arguments
	Processes int      // 1 or more
	Name      string   // of several processes, Name-0 is the first
	URL       string   // the node's local port
	Service   string   // "" is the default service
	Node      string   // the node's name; "" is not told

	// Logger is told what becomes of the processes, and gets what they write.
	Logger *slog.Logger

	// Changed is called when Status has changed, by any goroutine: it must be quick.
	// nil: nobody needs to know.
	Changed func()
}

// Status is how the processes are. The counts only grow.
type Status struct {
	mesh.Processes
	Starts uint64 // processes that were started
	Opened uint64 // times that the circuit opened, first and again
}

// Supervisor runs the processes of one program.
type Supervisor struct {
	cfg     Config
	path    string
	log     *slog.Logger
	history *restart.Restarts
	began   time.Time
	ends    chan end

	mu     sync.Mutex
	status Status
}

// end is that of a process.
type end struct {
	slot   int
	err    error         // nil for status 0
	lived  time.Duration // 0 of one that could not be started
	killed bool          // it was told to end, and did not in time
}

// New returns a supervisor that does nothing until Run. It fails if there is no
// such program.
func New(cfg Config) (*Supervisor, error) {
	path, err := exec.LookPath(cfg.Program[0])
	if err != nil {
		return nil, err
	}
	patience := policy
	patience.Slots = cfg.Processes
	if _, err := rand.Read(patience.Seed[:]); err != nil {
		return nil, fmt.Errorf("no random numbers: %w", err)
	}
	return &Supervisor{
		cfg: cfg, path: path, log: cfg.Logger, history: restart.New(patience), ends: make(chan end),
		status: Status{Processes: mesh.Processes{Wanted: cfg.Processes, Circuit: restart.Closed.String()}},
	}, nil
}

// Run runs the processes until ctx ends. Then they are told to (SIGTERM), and
// killed when grace, asked at that moment, has passed. No process is left when it
// returns, but one that left its process group. It may be called once.
func (s *Supervisor) Run(ctx context.Context, grace func() time.Duration) {
	s.began = time.Now()
	ending, tell := context.WithCancel(context.Background())
	killing, kill := context.WithCancel(context.Background())
	defer kill()
	defer tell()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due []int
	alive := 0 // goroutines that have a process
	for {
		due = s.history.Due(s.now(), due[:0])
		s.tellCircuit()
		for _, slot := range due {
			alive++
			go s.live(slot, ending, killing)
		}
		timer.Reset(s.history.Wake() - s.now())
		select {
		case e := <-s.ends:
			alive--
			s.take(e)
		case <-timer.C:
		case <-ctx.Done():
			tell()
			late := time.AfterFunc(grace(), kill)
			defer late.Stop()
			for ; alive > 0; alive-- {
				if e := <-s.ends; e.killed {
					s.log.Warn("a worker process did not end in time and was killed", "worker", s.name(e.slot))
				}
			}
			return
		}
	}
}

// Status returns how the processes are. Any goroutine may call it.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Supervisor) change(how func(*Status)) {
	s.mu.Lock()
	how(&s.status)
	s.mu.Unlock()
	if s.cfg.Changed != nil {
		s.cfg.Changed()
	}
}

// take notes the end of a process.
func (s *Supervisor) take(e end) {
	before := s.history.Circuit()
	wait := s.history.Ended(s.now(), e.slot)
	details := []any{"worker", s.name(e.slot), "after", e.lived.Round(time.Millisecond), "reason", reason(e.err)}
	opened := before != restart.Open && s.history.Circuit() == restart.Open
	if s.history.Circuit() == restart.Closed {
		details = append(details, "next_in", wait.Round(time.Millisecond))
	}
	s.log.Warn("a worker process ended", details...)
	if opened {
		s.log.Error("the worker processes crash over and over; none is started for a while", "circuit", restart.Open.String(),
			"next_try_in", (s.history.Until() - s.now()).Round(time.Millisecond))
	}
	s.change(func(status *Status) {
		if e.lived > 0 {
			status.Running--
		}
		status.Crashes++
		if opened {
			status.Opened++
		}
		status.Circuit = s.history.Circuit().String()
	})
}

// tellCircuit tells of a circuit that has let one process try, or that has closed.
func (s *Supervisor) tellCircuit() {
	circuit := s.history.Circuit().String()
	if s.Status().Circuit == circuit {
		return
	}
	if s.history.Circuit() == restart.Closed {
		s.log.Info("the worker processes run well again", "circuit", circuit)
	} else {
		s.log.Info("one worker process tries", "circuit", circuit)
	}
	s.change(func(status *Status) { status.Circuit = circuit })
}

func reason(err error) string {
	if err == nil {
		return "exit status 0" // nobody told it to end
	}
	return err.Error()
}

func (s *Supervisor) now() time.Duration { return time.Since(s.began) }

// name returns the name of a slot's worker.
func (s *Supervisor) name(slot int) string { return mesh.WorkerName(s.cfg.Name, slot, s.cfg.Processes) }

// environment returns the variables of a slot's process.
func (s *Supervisor) environment(slot int) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, envPrefix) })
	env = append(env, EnvURL+"="+s.cfg.URL, EnvService+"="+s.cfg.Service, EnvWorker+"="+s.name(slot))
	if s.cfg.Node != "" {
		env = append(env, EnvNode+"="+s.cfg.Node)
	}
	return env
}
