// Package link carries the cloud and the state flow of a node over a NATS
// connection. It is the only mesh code that knows NATS: it turns what arrives
// into events and what the node decides into messages, and decides nothing.
package link

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// Link is a node's place on the cloud plane. Its methods may be called from any
// goroutine.
type Link struct {
	nc       *nats.Conn
	name     string
	inbox    string // prefix of every reply subject of this link, with its last dot
	task     string // prefix of those of delegations, with its last dot
	arrived  chan *nats.Msg
	subs     []*nats.Subscription
	follows  follows
	messages sync.Pool // of *message
}

// buffered is how many messages may wait for the node; beyond it the NATS
// library drops. 64 Ki pointers are half a MiB.
const buffered = 1 << 16

// Open subscribes to what concerns every node: answers to the link's own
// questions, and the heartbeats of all. Join makes it reachable by its name.
//
// The connection must have been made with nats.NoEcho, or the node hears itself. Own
// says that the plane is the nodes' own. On another, answers to delegations go to
// their very reply subjects: it may allow no others, and has its own ways for these.
func Open(nc *nats.Conn, name string, own bool) (*Link, error) {
	l := &Link{nc: nc, name: name, inbox: nc.NewInbox() + ".", arrived: make(chan *nats.Msg, buffered)}
	l.task = l.inbox + replyTask + "."
	if own {
		l.task = l.inbox + replyDone + "."
	}
	return l, l.subscribe(l.inbox+">", mesh.SubjectState+"*")
}

// Join makes the node reachable: from now on peers find it by its name.
func (l *Link) Join() error {
	return l.subscribe(mesh.CloudSubject(l.name), mesh.HeldSubject(l.name))
}

// Over returns the same link over another connection: what concerned this one arrives
// there, on the same channel. It is for one whose connection was closed for good.
func (l *Link) Over(nc *nats.Conn) (*Link, error) {
	other := &Link{nc: nc, name: l.name, inbox: l.inbox, task: l.task, arrived: l.arrived}
	for _, sub := range l.subs {
		if err := other.subscribe(sub.Subject); err != nil {
			return nil, err
		}
	}
	for _, peer := range l.follows.names() {
		if err := other.Follow(peer); err != nil {
			return nil, err
		}
	}
	return other, nil
}

// Leave takes back every subscription. What is on its way still arrives.
func (l *Link) Leave() error {
	var errs []error
	for _, sub := range l.subs {
		errs = append(errs, sub.Drain())
	}
	return errors.Join(append(errs, l.follows.leave())...)
}

func (l *Link) subscribe(subjects ...string) error {
	for _, subject := range subjects {
		sub, err := l.nc.ChanSubscribe(subject, l.arrived)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
		l.subs = append(l.subs, sub)
	}
	return nil
}

// Messages is where everything arrives, in the order of the connection. Read
// turns a message into an Event.
func (l *Link) Messages() <-chan *nats.Msg { return l.arrived }

// Carried reports whether the message, a task, came by this link, be it over another
// connection: what else a node subscribes to has other subjects.
func (l *Link) Carried(m *nats.Msg) bool {
	for _, sub := range l.subs {
		if m.Sub != nil && m.Sub.Subject == sub.Subject {
			return true
		}
	}
	return false
}

// headroom is what a delegation may add to a message: the two headers of the
// mesh, with names and services of full length.
const headroom = 1024

// Fits reports whether a message of so many bytes, headers and data, can cross
// the cloud plane with what a delegation adds.
func (l *Link) Fits(size int) bool { return int64(size)+headroom <= l.MaxPayload() }

// MaxPayload is the plane's own limit for a message, in bytes. Until the plane
// was reached for the first time it is taken for what NATS has by default.
func (l *Link) MaxPayload() int64 {
	if limit := l.nc.MaxPayload(); limit > 0 {
		return limit
	}
	return defaultPayload
}

const defaultPayload = 1 << 20

// Kinds of answers to the link's own questions: what follows the inbox.
const (
	replyTask  = "t"    // + "." + attempt
	replyDone  = "done" // the same, and what mesh.AnswerTo makes of it
	replyHeld  = "h"    // + "." + peer
	replyRelay = "r"    // + "." + the caller's own token
)

// Kind says what an Event is.
type Kind uint8

// The kinds of events, with the fields that each one sets. Message is set in
// all; Capacity where the message carried one, else its Node is empty.
const (
	Probe       Kind = iota + 1 // a task sent to this node by name
	Who                         // somebody asks who holds this node's name
	Task                        // a peer delegates a task: Delegation
	Held                        // a peer asks about Attempts
	State                       // State, Incarnation
	Answered                    // a peer's answer: Attempt
	Returned                    // a task comes back undone: Attempt, Losses
	Unreachable                 // a delegation found no subscriber: Attempt
	NotHeld                     // answer to a question: Peer, Attempts
	Unanswered                  // a question found no subscriber: Peer
	Relayed                     // answer to a relayed request: Token; Nobody if none was there
)

// Event is one message of the cloud plane, understood.
type Event struct {
	Kind        Kind
	Message     *nats.Msg
	Capacity    mesh.Capacity
	Delegation  mesh.Delegation
	State       mesh.State
	Incarnation mesh.Incarnation
	Attempt     mesh.Attempt
	Attempts    []mesh.Attempt
	Peer        string
	Token       string
	Losses      int
	Nobody      bool
}

// Read understands a message. An error says why it cannot be; it concerns that
// message alone.
func (l *Link) Read(m *nats.Msg) (Event, error) {
	e := Event{Message: m}
	if s := m.Header.Get(mesh.HeaderCapacity); s != "" {
		c, err := mesh.ParseCapacity(s)
		if err != nil {
			return e, err
		}
		e.Capacity = c
	}
	if rest, ok := strings.CutPrefix(m.Subject, l.inbox); ok {
		return l.readReply(e, rest)
	}
	if name, ok := mesh.StateOf(m.Subject); ok {
		var err error
		e.Kind = State
		e.State, e.Incarnation, err = mesh.ParseState(name, m.Data)
		return e, err
	}
	return l.readRequest(e)
}

// readRequest understands what was sent to this node's name.
func (l *Link) readRequest(e Event) (Event, error) {
	m := e.Message
	var err error
	switch {
	case mesh.IsOwn(m.Reply): // the answer would be this node's word to others
		err = errors.New("a reply subject of the mesh's own")
	case len(m.Reply) > mesh.MaxSubject:
		err = errors.New("a reply subject that is too long")
	case m.Subject == mesh.HeldSubject(l.name):
		e.Kind = Held
		e.Attempts, err = parseAttempts(m.Data)
	case m.Header.Get(mesh.HeaderWho) != "":
		e.Kind = Who
	case m.Header.Get(mesh.HeaderDelegation) != "":
		e.Kind = Task
		e.Delegation, err = mesh.ParseDelegation(m.Header.Get(mesh.HeaderDelegation))
	default:
		e.Kind = Probe
	}
	return e, err
}

// readReply understands an answer to one of the link's own questions.
func (l *Link) readReply(e Event, rest string) (Event, error) {
	m := e.Message
	kind, about, _ := strings.Cut(rest, ".")
	nobody := NoResponders(m)
	var err error
	switch kind {
	case replyTask, replyDone:
		if e.Attempt, err = mesh.AnsweredAttempt(m.Subject, m.Reply); err != nil {
			return e, err
		}
		refusal := m.Header.Get(mesh.HeaderRefusal)
		switch {
		case nobody:
			e.Kind = Unreachable
		case refusal != "":
			e.Kind = Returned
			e.Losses, err = parseRefusal(refusal)
		default:
			e.Kind = Answered
		}
	case replyHeld:
		e.Kind, e.Peer = NotHeld, about
		if nobody {
			e.Kind = Unanswered
			break
		}
		e.Attempts, err = parseAttempts(m.Data)
	case replyRelay:
		e.Kind, e.Token, e.Nobody = Relayed, about, nobody
	default:
		err = errors.New("an answer to no question")
	}
	return e, err
}

// NoResponders reports whether the message is a server's word that a request
// found no subscriber. Anybody can set the status; only the server's carries
// the subject that it was about.
func NoResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503" && m.Header.Get("Nats-Subject") != ""
}
