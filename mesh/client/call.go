package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

const (
	numberBase = 36

	// The pause before a refused request is submitted again, which doubles each
	// time: a random one between half of that and all.
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second

	// The mesh is told a little less time than there is, so that its word for
	// what went wrong comes before the end: a 20th of it, at most so much.
	longestMargin = 50 * time.Millisecond
)

// call is one request under way. It belongs to the caller's goroutine, which
// sends it, but for the channels; those are written to under Client.mu, while the
// call is among the waiting.
type call struct {
	number  uint64
	msg     nats.Msg
	values  [2]string // of the two headers that are ours: id and timeout
	answer  chan *nats.Msg
	refused chan *nats.Msg
	again   chan struct{} // the connection is another one
	pause   *time.Timer

	resting   bool      // in the pause; guarded by Client.mu
	epoch     uint64    // of the connection that it was last sent on
	sent      int       // how often
	failures  int       // refusals, and submissions that could not be sent
	elsewhere bool      // the last one advised another node
	since     time.Time // when the first one of that kind came, at this connection
	last      string    // for people: what the last one said
}

func newCall() *call {
	p := &call{
		answer: make(chan *nats.Msg, 1), refused: make(chan *nats.Msg, 1), again: make(chan struct{}, 1),
		pause: time.NewTimer(time.Hour),
	}
	p.pause.Stop()
	p.msg.Header = make(nats.Header)
	return p
}

// begin makes a call of a request, and has it wait for answers.
func (c *Client) begin(r *Request) (*call, error) {
	if r.Service != "" {
		if err := mesh.CheckToken(r.Service); err != nil {
			return nil, &Error{Code: mesh.CodeBadRequest, Text: "service: " + err.Error()}
		}
	}
	p := c.calls.Get().(*call)
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		c.calls.Put(p)
		return nil, fmt.Errorf("client: %w", c.cause)
	}
	c.last++
	p.number = c.last
	c.waiting[p.number] = p
	c.mu.Unlock()

	var digits [16]byte
	number := strconv.AppendUint(digits[:0], p.number, numberBase)
	p.msg.Subject, p.msg.Reply, p.msg.Data = mesh.WithService(mesh.SubjectRequest, r.Service), c.inbox+string(number), r.Data
	maps.Copy(p.msg.Header, r.Header)
	delete(p.msg.Header, mesh.HeaderTimeout) // the context tells it
	p.values[0] = r.ID
	if r.ID == "" {
		if p.values[0] = r.Header.Get(nats.MsgIdHdr); p.values[0] == "" {
			p.values[0] = c.ids + string(number)
		}
	}
	p.msg.Header[nats.MsgIdHdr] = p.values[0:1:1]
	return p, nil
}

// finish ends a call: from here on nobody else knows it.
func (c *Client) finish(p *call) {
	c.mu.Lock()
	delete(c.waiting, p.number)
	c.rest(p, false)
	c.mu.Unlock()
	p.pause.Stop()
	for len(p.answer)+len(p.refused)+len(p.again) > 0 {
		select {
		case <-p.answer:
		case <-p.refused:
		case <-p.again:
		}
	}
	clear(p.msg.Header)
	*p = call{answer: p.answer, refused: p.refused, again: p.again, pause: p.pause, msg: nats.Msg{Header: p.msg.Header}}
	c.calls.Put(p)
}

// rest notes whether a call is in its pause; c.mu is held.
func (c *Client) rest(p *call, resting bool) {
	if p.resting != resting {
		if p.resting = resting; resting {
			c.resting++
		} else {
			c.resting--
		}
	}
}

// submit sends a call, unless the connection is down: then p.again follows when
// it is up. The error is one that no repetition helps against.
func (c *Client) submit(ctx context.Context, p *call) error {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left <= 0 {
			return nil // ctx ends in this moment
		}
		left -= min(left/20, longestMargin)
		p.values[1] = mesh.FormatTimeout(min(left, mesh.MaxTimeout))
		p.msg.Header[mesh.HeaderTimeout] = p.values[1:2:2]
	}
	c.mu.Lock()
	c.rest(p, false)
	select {
	case <-p.again: // this is it
	default:
	}
	select {
	case <-p.refused: // of a submission before
	default:
	}
	up := c.up
	if p.epoch != c.epoch {
		p.epoch, p.since = c.epoch, time.Time{}
	}
	c.mu.Unlock()
	if !up {
		return nil
	}
	switch err := c.nc.PublishMsg(&p.msg); {
	case err == nil:
		p.sent++
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadHeaderMsg), errors.Is(err, nats.ErrHeadersNotSupported):
		return &Error{Code: mesh.CodeBadRequest, Text: err.Error()}
	case errors.Is(err, nats.ErrReconnectBufExceeded): // down, and watch does not know yet
		c.failed(p, c.trouble(), false)
	default:
		c.failed(p, err.Error(), false)
	}
	return nil
}

// failed begins the pause before the next submission.
func (c *Client) failed(p *call, why string, elsewhere bool) {
	switch {
	case !elsewhere:
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = time.Now()
	}
	p.last, p.elsewhere = why, elsewhere
	pause := min(firstPause<<min(p.failures, 10), longestPause)
	p.failures++
	c.mu.Lock()
	c.rest(p, true)
	c.mu.Unlock()
	p.pause.Reset(pause/2 + rand.N(pause/2+1))
}

// wait submits a call, and again whenever that is called for, until it has its
// answer.
func (c *Client) wait(ctx context.Context, p *call) (*nats.Msg, error) {
	for submit := true; ; {
		if submit {
			if err := c.submit(ctx, p); err != nil {
				return nil, err
			}
		}
		select {
		case m := <-p.answer:
			return m, nil
		case m := <-p.refused:
			c.failed(p, refusal(m), elsewhere(m))
			submit = false
		case <-p.pause.C:
			submit = !c.move(p)
		case <-p.again:
			p.pause.Stop()
			p.last, submit = "the connection was lost", true
		case <-ctx.Done():
			c.mu.Lock()
			up := c.up
			c.mu.Unlock()
			if !up { // asked now: when it began to wait nothing had been tried
				p.last = strings.TrimPrefix(p.last+"; "+c.trouble(), "; ")
			}
			return p.giveUp(ctx.Err())
		case <-c.ended:
			return p.giveUp(c.cause)
		}
	}
}

// giveUp returns an answer that came at the last moment, or why there is none.
func (p *call) giveUp(cause error) (*nats.Msg, error) {
	select {
	case m := <-p.answer:
		return m, nil
	default:
	}
	last := ""
	if p.last != "" {
		last = "; last: " + p.last
	}
	return nil, fmt.Errorf("client: request %s was sent %d times and not answered%s: %w", p.values[0], p.sent, last, cause)
}
