package dispatch

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// input carries out one line of a script: a word, then what it is about, then
// options (key=value, or a flag).
func (s *script) input(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	o := parseOptions(rest)
	if word == "config" {
		return s.config(o)
	}
	if s.core == nil {
		s.core = New(s.cfg)
	}
	if err := s.act(word, o); err != nil {
		return err
	}
	return o.unused()
}

// act gives the core the input that the word names.
func (s *script) act(word string, o *options) error {
	c, now := s.core, s.now
	var fx []Effect
	switch word {
	case "at":
		at, err := time.ParseDuration(o.subject())
		if err != nil || at < now {
			return errors.New("want a time that does not go back")
		}
		s.now = at
	case "tick":
		fx = c.Tick(now, nil)
	case "request":
		fx = c.Request(now, Request{Message: o.subject(), Service: o.word("service"), Client: o.word("client"), Timeout: o.duration("timeout"), Here: o.flag("here"),
			ID: o.word("id"), Hash: uint64(o.number("hash"))}, nil)
	case "ready":
		id, err := parseWorker(o.subject())
		if err != nil {
			return err
		}
		r := Ready{ID: id, Service: o.word("service"), Name: o.word("name"), Cancel: o.word("cancel"), Said: now}
		if o.has("said") {
			r.Said = o.duration("said")
		}
		fx = c.Ready(now, r, nil)
	case "done": // by the inbox (its newest attempt), or by the attempt
		a, err := lookup(s.dispatched, o.subject())
		if err != nil {
			return err
		}
		fx = c.Done(now, a, o.quoted(), nil)
	case "undelivered":
		a, err := lookup(s.dispatched, o.subject())
		if err != nil {
			return err
		}
		fx = c.Undelivered(now, a, nil)
	case "disconnect":
		client, err := strconv.ParseUint(o.subject(), 10, 64)
		if err != nil {
			return err
		}
		fx = c.Disconnected(now, client, nil)
	case "audit": // of the inboxes that are named: audit w1,w2 began=1s
		held := strings.Split(o.subject(), ",")
		s.printf("gone: %d", c.Audit(now, o.duration("began"), func(inbox string) bool { return slices.Contains(held, inbox) }))
	case "no-answer":
		c.NoAnswer(now, o.subject())
	case "all-disconnected":
		fx = c.AllDisconnected(now, nil)
	case "leave":
		s.printf("known: %v", c.Leave(now, o.subject()))
	case "drain":
		c.Drain(now)
	case "gone", "back": // the client of a task
		s.gone[o.subject()] = word == "gone"
	case "cloud-lost":
		c.CloudLost()
	case "cloud-proved":
		fx = c.Proved(now, nil)
	case "cloud-back":
		fx = c.CloudBack(now, nil)
	case "shut":
		c.Shut()
	case "close":
		fx = c.Close(now, nil)
	case "state":
		s.printState(c.State(now))
	case "stats":
		s.printStats(c.Stats())
	case "wake":
		s.printf("at %v", c.Wake())
	case "drained":
		s.printf("%v", c.Drained())
	case "peers":
		s.printPeers(c.Peers())
	default:
		return s.actCloud(word, o)
	}
	s.print(fx)
	return nil
}

// actCloud has the inputs that come from peers.
func (s *script) actCloud(word string, o *options) error {
	c, now := s.core, s.now
	var fx []Effect
	switch word {
	case "peer":
		state := s.peerState(o)
		incarnation, err := mesh.ParseIncarnation(state.Incarnation)
		if err != nil {
			return err
		}
		fx = c.PeerState(now, incarnation, state, nil)
	case "capacity":
		fx = c.PeerCapacity(now, s.capacity(o), nil)
	case "guest":
		name, from := o.subject(), o.word("from")
		a := mesh.Attempt{Incarnation: incarnationOf(from, max(1, o.number("run"))), Random: hash(name)}
		s.guests[name] = a
		fx = c.Guest(now, mesh.Delegation{
			Origin: from, Incarnation: a.Incarnation, Attempt: a, Service: o.word("service"),
			Age: o.duration("age"), Left: o.duration("left"), Losses: o.number("losses"),
			Number: uint64(o.number("number")), Patience: o.duration("patience"),
		}, name, nil)
	case "held": // a peer asks for the guests it names
		var names []string
		var asked []mesh.Attempt
		for name := o.subject(); name != ""; name = o.subject() {
			a, ok := s.guests[name]
			if !ok {
				a = mesh.Attempt{Incarnation: 9, Random: hash(name)}
			}
			names, asked = append(names, name), append(asked, a)
		}
		var missing []mesh.Attempt
		missing, fx = c.NotHeld(now, asked, nil)
		for _, a := range missing {
			for i := range asked {
				if asked[i] == a {
					s.printf("not held: %s", names[i])
				}
			}
		}
	case "holds-all": // a peer's answer to a question
		fx = c.Missing(now, o.subject(), nil, nil)
	case "answered", "returned", "unreachable", "too-large", "missing": // by the task (its newest attempt), or by the attempt
		a, err := lookup(s.delegated, o.subject())
		if err != nil {
			return err
		}
		switch word {
		case "answered":
			fx = c.Answered(now, a, o.quoted(), nil)
		case "returned":
			fx = c.Returned(now, a, o.number("losses"), nil)
		case "too-large":
			fx = c.TooLarge(now, a, nil)
		case "unreachable":
			fx = c.Unreachable(now, a, nil)
		default:
			fx = c.Missing(now, "", []mesh.Attempt{a}, nil)
		}
	default:
		return errors.New("unknown input")
	}
	s.print(fx)
	return nil
}

// config changes the defaults, before the first input.
func (s *script) config(o *options) error {
	if s.core != nil {
		return errors.New("too late")
	}
	if o.has("region") {
		s.cfg.Region = o.word("region")
	}
	s.cfg.LinkMayHang = o.flag("link-may-hang")
	for key, to := range map[string]*int{"queue-limit": &s.cfg.QueueLimit, "max-attempts": &s.cfg.MaxAttempts, "queue-bytes": &s.cfg.QueueBytes} {
		if o.has(key) {
			*to = o.number(key)
		}
	}
	for key, to := range map[string]*time.Duration{
		"queue-timeout": &s.cfg.QueueTimeout, "attempt-timeout": &s.cfg.AttemptTimeout, "heartbeat": &s.cfg.Heartbeat,
		"interval": &s.cfg.AnnounceInterval,
	} {
		if o.has(key) {
			*to = o.duration(key)
		}
	}
	return o.unused()
}

// peerState makes a peer's state of one service. run=2 is the peer's second
// incarnation; the sequence goes on by itself unless seq says otherwise.
func (s *script) peerState(o *options) mesh.State {
	m := s.capacity(o)
	return mesh.State{
		Region:  o.word("region"),
		Version: mesh.Version, Name: m.Node, Incarnation: m.Incarnation.String(), Sequence: m.Sequence,
		Draining: o.flag("draining"), Leaving: o.flag("leaving"),
		Services: []mesh.Load{load(m.Service, m)},
		Received: map[string]uint64{s.cfg.Name: m.Received},
	}
}

func (s *script) capacity(o *options) mesh.Capacity {
	m := mesh.Capacity{Node: o.subject(), Service: o.word("service"), Idle: o.number("idle"), Waiting: o.number("waiting")}
	m.Excess = min(m.Waiting, o.number("excess"))
	m.ServiceTime, m.Spare, m.Demand = o.duration("service-time"), float64(o.number("spare")), float64(o.number("demand"))
	m.Received = uint64(o.number("received"))
	m.Workers = max(m.Idle, o.number("workers"))
	m.Incarnation = incarnationOf(m.Node, max(1, o.number("run")))
	s.sequences[m.Incarnation]++
	m.Sequence = s.sequences[m.Incarnation]
	if o.has("seq") {
		m.Sequence = uint64(o.number("seq"))
	}
	return m
}

// incarnationOf makes up the incarnation of a peer's n-th run.
func incarnationOf(name string, run int) mesh.Incarnation {
	return mesh.Incarnation(hash(name + strconv.Itoa(run)))
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// parseWorker reads inbox@client.
func parseWorker(s string) (WorkerID, error) {
	inbox, client, _ := strings.Cut(s, "@")
	n, err := strconv.ParseUint(client, 10, 64)
	return WorkerID{Inbox: inbox, Client: n}, err
}

func lookup(attempts map[string]mesh.Attempt, key string) (mesh.Attempt, error) {
	a, ok := attempts[key]
	if !ok {
		return a, fmt.Errorf("no attempt %q", key)
	}
	return a, nil
}
