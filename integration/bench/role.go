package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/brokermesh/brokermesh/node"
)

// roleArgument begins the command line of a child.
const roleArgument = "role"

// The two systems.
const (
	plain = "plain NATS"
	mesh  = "brokermesh"
)

// The kinds of roles.
const (
	server  = "server" // or node
	clients = "clients"
	workers = "workers"
	all     = "all" // a server or node, clients and workers
)

// role is what a child is.
type role struct {
	System  string
	Kind    string
	Name    string        // of a node
	Peers   []string      // of a server or node: routes of others
	Routed  bool          // a plain server that others are routed to
	URLs    []string      // where clients and workers connect, in turns
	N       int           // clients or workers
	Share   int           // how many share a connection
	Direct  bool          // clients in a node's process: they need no connection
	Sleep   time.Duration // workers: the mean time for a task, exponentially distributed
	Weights []float64     // open loop clients: share of the load for each URL
	Profile string        // prefix of the profiles' names

	program string // another build of this one that plays it; "": this
}

// runRole is the whole life of a child.
func runRole(text string) int {
	signal.Ignore(os.Interrupt) // the end of the input says when
	out := json.NewEncoder(os.Stdout)
	err := serveRole(text, out)
	if err != nil {
		_ = out.Encode(answer{Error: err.Error()})
		return 1
	}
	return 0
}

func serveRole(text string, out *json.Encoder) error {
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var p player
	begin := map[string]func(context.Context, role) (answer, error){
		server: p.serve, clients: p.dialClients, workers: p.dialWorkers, all: p.playAll,
	}[r.Kind]
	if begin == nil {
		return fmt.Errorf("no role %q", r.Kind)
	}
	where, err := begin(ctx, r)
	defer func() {
		cancel()
		p.end()
	}()
	if err != nil {
		return err
	}
	endProfile, err := profile(r.Profile)
	if err != nil {
		return err
	}
	defer endProfile()
	if err := out.Encode(where); err != nil {
		return err
	}
	for in := json.NewDecoder(os.Stdin); ; {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var a answer
		if o.For > 0 {
			if a.Load, err = p.load(ctx, o); err != nil {
				return err
			}
		}
		if o.Heap {
			a.Heap, a.Memory = memory()
		}
		if p.node != nil {
			v, err := p.node.View(ctx)
			if err != nil {
				return err
			}
			a.Stats = v.Stats
		}
		a.CPU = used()
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// player is what a child has made.
type player struct {
	connections
	dial  dial       // in process; nil: by URL
	node  *node.Node // if this process is one
	ended []func()
	crew  crew
}

func (p *player) end() {
	for _, end := range p.ended {
		defer end()
	}
}

// used is the CPU time of this process, user and system.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory returns the bytes in use after a collection of garbage, heap and stacks,
// and the resident ones, 0 where the system does not tell.
func memory() (heap, resident uint64) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		pages, _ := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
		resident = pages * uint64(os.Getpagesize())
	}
	return m.HeapAlloc + m.StackInuse, resident
}

// profile begins a CPU profile; its end also writes the one of allocations.
func profile(prefix string) (end func(), err error) {
	if prefix == "" {
		return func() {}, nil
	}
	prefix = strings.ReplaceAll(prefix, " ", "-")
	cpu, err := os.Create(prefix + ".cpu.prof")
	if err != nil {
		return nil, err
	}
	allocs, err := os.Create(prefix + ".allocs.prof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		err := errors.Join(cpu.Close(), pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}, nil
}
