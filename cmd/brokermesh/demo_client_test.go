package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
)

// answers are what a client gets, one after the other.
type answers []func(context.Context, client.Request) (*client.Reply, error)

func (a *answers) Do(ctx context.Context, r client.Request) (*client.Reply, error) {
	next := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	return next(ctx, r)
}

func right(_ context.Context, r client.Request) (*client.Reply, error) {
	return &client.Reply{Data: r.Data, Node: "DC2", Worker: "w", Sent: 1}, nil
}

func second(ctx context.Context, r client.Request) (*client.Reply, error) {
	reply, err := right(ctx, r)
	reply.Sent = 2
	return reply, err
}

func mistaken(context.Context, client.Request) (*client.Reply, error) {
	return &client.Reply{Data: []byte("another"), Node: "DC1", Sent: 1}, nil
}

func refused(context.Context, client.Request) (*client.Reply, error) {
	return nil, &client.Error{Code: mesh.CodeFailed, Text: "given up"}
}

func slow(ctx context.Context, r client.Request) (*client.Reply, error) {
	<-time.After(complainsAfter + time.Second)
	return right(ctx, r)
}

func silence(ctx context.Context, _ client.Request) (*client.Reply, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// aTask has a client of DC1 send one task, and returns the end of the demo.
func aTask(given ...func(context.Context, client.Request) (*client.Reply, error)) (c counts, events, summary string, err error) {
	shown := newOutput()
	s := newLines(shown, shown, demoOptions{})
	tally := newTally([]string{"DC1", "DC2"}, s)
	a := answers(given)
	one := demoClient{name: "DC1-client-0", origin: "DC1", mesh: &a, tally: tally, screen: s}
	tally.begin("DC1")
	tally.end(one.send("DC1-client-0-task-1"))
	var out bytes.Buffer
	err = tally.summary(&out, []standing{{name: "DC1", redispatched: 3}, {name: "DC2", crashes: 4}})
	return tally.snapshot()[0], shown.String(), out.String(), err
}

func expectStatus(t *testing.T, err error, want int) {
	t.Helper()
	status := 0
	if failure := (runError{}); errors.As(failed(err), &failure) {
		status = exitFailed
	}
	if status != want {
		t.Errorf("exit status %d, want %d", status, want)
	}
}

func TestClientIsAnswered(t *testing.T) {
	c, _, summary, err := aTask(right)
	expectStatus(t, err, 0)
	if c.away != 1 || c.resubmitted != 0 || !strings.HasSuffix(summary, "\nsent 1, answered 1, wrong 0, lost 0\n") {
		t.Errorf("%+v\n%s", c, summary)
	}
}

func TestClientGetsAWrongAnswer(t *testing.T) {
	c, events, summary, err := aTask(mistaken)
	expectStatus(t, err, exitFailed)
	if c.wrong != 1 || !strings.Contains(events, `answered with "another"`) || !strings.HasSuffix(summary, "\nsent 1, answered 0, wrong 1, lost 0\n") {
		t.Errorf("%+v\n%s\n%s", c, events, summary)
	}
}

func TestClientSendsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, summary, err := aTask(refused, second)
		expectStatus(t, err, 0)
		if c.resubmitted != 2 || c.complaints != 0 || !strings.HasSuffix(summary, "lost 0\n") {
			t.Errorf("%+v\n%s", c, summary)
		}
	})
}

func TestClientComplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, events, _, err := aTask(slow)
		expectStatus(t, err, 0)
		if c.complaints != 1 || c.resubmitted != 0 || !strings.Contains(events, "DC1-client-0 complains: DC1-client-0-task-1 is not answered after 10s") {
			t.Errorf("%+v\n%s", c, events)
		}
	})
}

func TestClientLosesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, _, summary, err := aTask(silence)
		expectStatus(t, err, exitFailed)
		if c.lost != 1 || c.complaints != 1 || !strings.HasSuffix(summary, "\nsent 1, answered 0, wrong 0, lost 1\n") {
			t.Errorf("%+v\n%s", c, summary)
		}
		if waited := time.Since(began); waited != patience {
			t.Errorf("it waited for %s", waited)
		}
	})
}
