package link

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// message is one that is sent, with the headers that the mesh adds; it is used
// again. own are the headers of one that has none itself.
type message struct {
	nats.Msg
	own    nats.Header
	values [2]string
}

// send publishes a message with the sender's capacity and, unless it has no name,
// another header of the mesh. The headers are as before then.
func (l *Link) send(m nats.Msg, c mesh.Capacity, name, value string) error {
	out, _ := l.messages.Get().(*message)
	if out == nil {
		out = &message{own: make(nats.Header, 2)}
	}
	if out.Msg = m; m.Header == nil {
		out.Header = out.own
	}
	var buf [320]byte
	out.values = [2]string{string(c.AppendText(buf[:0])), value}
	out.Header[mesh.HeaderCapacity] = out.values[0:1:1]
	if name != "" {
		out.Header[name] = out.values[1:2:2]
	}
	err := l.nc.PublishMsg(&out.Msg)
	delete(out.Header, mesh.HeaderCapacity)
	delete(out.Header, name)
	out.Msg, out.values = nats.Msg{}, [2]string{}
	l.messages.Put(out)
	return err
}

// Delegate hands a client's request over to a peer.
func (l *Link) Delegate(peer string, m *nats.Msg, d mesh.Delegation, c mesh.Capacity) error {
	var buf [256]byte
	reply := string(d.Attempt.AppendText(append(buf[:0], l.task...)))
	out := nats.Msg{Subject: mesh.CloudSubject(peer), Reply: reply, Header: m.Header, Data: m.Data}
	return l.send(out, c, mesh.HeaderDelegation, string(d.AppendText(buf[:0])))
}

// Answer sends the answer of a guest to its origin.
func (l *Link) Answer(m *nats.Msg, header nats.Header, data []byte, c mesh.Capacity) error {
	out := answerTo(m)
	out.Header, out.Data = header, data
	return l.send(out, c, "", "")
}

// answerTo is an empty answer to a delegation.
func answerTo(m *nats.Msg) nats.Msg {
	subject, reply := mesh.AnswerTo(m.Reply)
	return nats.Msg{Subject: subject, Reply: reply}
}

// Return gives a guest back to its origin undone.
func (l *Link) Return(m *nats.Msg, losses int, reason string, c mesh.Capacity) error {
	return l.send(answerTo(m), c, mesh.HeaderRefusal, strconv.Itoa(losses)+";"+reason)
}

// Reject returns a task that could not be understood, if it can be answered. To a person
// who sent it by hand it is an error reply, to a node a task that comes back undone.
func (l *Link) Reject(m *nats.Msg, code mesh.Code, reason string) error {
	if m.Reply == "" || mesh.IsOwn(m.Reply) {
		return nil
	}
	out := answerTo(m)
	out.Header = mesh.ErrorHeader(code, reason)
	out.Header[mesh.HeaderRefusal] = []string{"0;" + reason}
	return l.nc.PublishMsg(&out)
}

func parseRefusal(s string) (losses int, err error) {
	count, _, _ := strings.Cut(s, ";") // the reason is for people
	losses, err = strconv.Atoi(count)
	if err != nil || losses < 0 {
		return 0, fmt.Errorf("malformed refusal %q", s)
	}
	return losses, nil
}

// Ask asks a peer which of the attempts it does not hold; with none it is a ping.
func (l *Link) Ask(peer string, attempts []mesh.Attempt) error {
	return l.nc.PublishMsg(&nats.Msg{Subject: mesh.HeldSubject(peer), Reply: l.inbox + replyHeld + "." + peer, Data: appendAttempts(nil, attempts)})
}

// Tell answers a question about attempts: these are not held here.
func (l *Link) Tell(m *nats.Msg, missing []mesh.Attempt, c mesh.Capacity) error {
	return l.send(nats.Msg{Subject: m.Reply, Data: appendAttempts(nil, missing)}, c, "", "")
}

// Relay sends a local client's request to the named node, whose answer comes
// back as Relayed with the token. Only the client's deadline crosses.
func (l *Link) Relay(node string, m *nats.Msg, token string) error {
	out := &nats.Msg{Subject: mesh.CloudSubject(node), Reply: l.inbox + replyRelay + "." + token, Header: m.Header, Data: m.Data}
	return l.nc.PublishMsg(out)
}

// Announce publishes the node's state, to all or as news to those that follow it,
// and returns the message's body.
func (l *Link) Announce(s mesh.State, news bool) ([]byte, error) {
	subject := mesh.StateSubject(l.name)
	if news {
		subject = mesh.NewsSubject(l.name)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return data, l.nc.Publish(subject, data)
}

// Identify answers a question of who holds this node's name.
func (l *Link) Identify(m *nats.Msg, id mesh.Identity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return l.nc.Publish(m.Reply, data)
}

// WhoHolds asks who else holds this node's name. held is false if nobody
// answered: there is no such node, or none that lives. It waits for at most the
// given time.
func (l *Link) WhoHolds(ctx context.Context, wait time.Duration) (id mesh.Identity, incarnation mesh.Incarnation, held bool) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m := &nats.Msg{Subject: mesh.CloudSubject(l.name), Header: nats.Header{mesh.HeaderWho: []string{l.name}}}
	answer, err := l.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return mesh.Identity{}, 0, false
	}
	id, incarnation, err = mesh.ParseIdentity(answer.Data)
	return id, incarnation, err == nil
}

// appendAttempts writes attempts one a line.
func appendAttempts(to []byte, attempts []mesh.Attempt) []byte {
	for _, a := range attempts {
		to = append(a.AppendText(to), '\n')
	}
	return to
}

func parseAttempts(data []byte) ([]mesh.Attempt, error) {
	var attempts []mesh.Attempt
	for line := range strings.Lines(string(data)) {
		a, err := mesh.ParseAttempt(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}
