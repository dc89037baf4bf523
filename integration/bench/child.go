package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/brokermesh/brokermesh/node"
)

// A child is a process in a role. It gets orders on its standard input, one
// after the other, and gives an answer to each on its standard output. When the
// input ends, so does the child: none outlives this program.
type child struct {
	cmd     *exec.Cmd
	orders  *json.Encoder
	input   io.Closer
	answers *json.Decoder
	role    role
	where   answer // what it said when it was ready
}

// order is what a child is asked to do. The zero order asks for what it used so
// far.
type order struct {
	For    time.Duration // clients: send for so long
	Rate   float64       // requests a second of all clients together, open loop; 0: each sends when it has its answer
	Singly bool          // open loop: a connection is one client, which has one request under way
	Size   int           // of the payload, in bytes
	Heap   bool          // what is allocated after a collection of garbage
}

// answer is what a child says to an order.
type answer struct {
	Error  string
	URL    string        // server or node: for clients and workers
	Route  string        // server or node: for others of its kind
	CPU    time.Duration // user and system, since the start
	Stats  node.Stats    // of a node
	Heap   uint64        // bytes in use, with stacks
	Memory uint64        // resident bytes
	Load   load          // of clients: what the last order came to
}

// start starts a child, of this program or another build of it, and waits until
// it is ready.
func (b *bench) start(r role) (*child, error) {
	if b.profiles != "" {
		b.started++
		r.Profile = filepath.Join(b.profiles, fmt.Sprintf("%02d-%s-%s", b.started, r.System, r.Kind))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if r.program == "" {
		if r.program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	c := &child{cmd: exec.CommandContext(b.ctx, r.program, roleArgument, string(text)), role: r}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.orders, c.input, c.answers = json.NewEncoder(in), in, json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if c.where, err = c.answer(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// do has the child carry out an order.
func (c *child) do(o order) (answer, error) {
	if err := c.orders.Encode(o); err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", c.role.System, c.role.Kind, err)
	}
	return c.answer()
}

func (c *child) answer() (answer, error) {
	var a answer
	err := c.answers.Decode(&a)
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("%s %s: %w", c.role.System, c.role.Kind, err)
	}
	return a, nil
}

func (c *child) stop() {
	_ = c.input.Close()
	_ = c.cmd.Wait() // a child in trouble has said so
}

// system is the processes of one side of a measurement; the last are its clients.
type system []*child

// startSystem starts processes one after the other: each role gets the answers of those
// before it.
func (b *bench) startSystem(roles ...func(before system) role) (s system, err error) {
	for _, r := range roles {
		c, err := b.start(r(s))
		if err != nil {
			s.stop()
			return nil, err
		}
		s = append(s, c)
	}
	return s, nil
}

// stop ends the processes, the last first.
func (s system) stop() {
	for i := len(s) - 1; i >= 0; i-- {
		s[i].stop()
	}
}

// spent is what a measurement cost, and how tasks went.
type spent struct {
	all, servers        time.Duration // CPU
	delegated, returned uint64        // to peers, and by them
}

// state asks the processes, in their order, for what they used so far.
func (s system) state() (states []answer, err error) {
	for _, c := range s {
		a, err := c.do(order{})
		if err != nil {
			return nil, err
		}
		states = append(states, a)
	}
	return states, nil
}

// measure has the clients carry out an order, and returns what that cost.
func (s system) measure(o order) (l load, cost spent, err error) {
	before, err := s.state()
	if err != nil {
		return l, cost, err
	}
	a, err := s[len(s)-1].do(o)
	if err != nil {
		return l, cost, err
	}
	cost, err = s.since(before)
	return a.Load, cost, err
}

// since is what was spent since the processes said how they were.
func (s system) since(before []answer) (cost spent, err error) {
	after, err := s.state()
	if err != nil {
		return cost, err
	}
	for i, c := range s {
		cpu := after[i].CPU - before[i].CPU
		cost.all += cpu
		if c.role.Kind == server {
			cost.servers += cpu
		}
		cost.delegated += after[i].Stats.Delegated - before[i].Stats.Delegated
		cost.returned += after[i].Stats.Returned - before[i].Stats.Returned
	}
	return cost, nil
}
