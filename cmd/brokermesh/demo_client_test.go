package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// answers are what a client gets, one after the other.
type answers []func(ctx context.Context, task []byte, timeout time.Duration) (*nats.Msg, error)

func (a *answers) request(ctx context.Context, task []byte, timeout time.Duration) (*nats.Msg, error) {
	next := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	return next(ctx, task, timeout)
}

func right(_ context.Context, task []byte, _ time.Duration) (*nats.Msg, error) {
	return &nats.Msg{Data: task, Header: nats.Header{mesh.HeaderNode: {"DC2"}, mesh.HeaderWorker: {"w"}}}, nil
}

func mistaken(context.Context, []byte, time.Duration) (*nats.Msg, error) {
	return &nats.Msg{Data: []byte("another"), Header: nats.Header{mesh.HeaderNode: {"DC1"}}}, nil
}

func refused(context.Context, []byte, time.Duration) (*nats.Msg, error) {
	return &nats.Msg{Header: nats.Header{mesh.HeaderErrorCode: {"503"}, mesh.HeaderError: {"shuts down"}}}, nil
}

func cut(context.Context, []byte, time.Duration) (*nats.Msg, error) {
	return nil, errors.New("the connection broke")
}

func silence(ctx context.Context, _ []byte, timeout time.Duration) (*nats.Msg, error) {
	once, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	<-once.Done()
	return nil, once.Err()
}

// aTask has a client of DC1 send one task, and returns the end of the demo.
func aTask(given ...func(context.Context, []byte, time.Duration) (*nats.Msg, error)) (c counts, events, summary string, err error) {
	shown := newOutput()
	s := newLines(shown, shown, demoOptions{})
	tally := newTally([]string{"DC1", "DC2"}, s)
	a := answers(given)
	client := client{name: "DC1-client-0", origin: "DC1", requester: &a, tally: tally, screen: s}
	tally.begin("DC1")
	tally.end(client.send("DC1-client-0-task-1"))
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
		c, _, summary, err := aTask(cut, refused, right)
		expectStatus(t, err, 0)
		if c.resubmitted != 2 || c.complaints != 0 || !strings.HasSuffix(summary, "lost 0\n") {
			t.Errorf("%+v\n%s", c, summary)
		}
	})
}

func TestClientComplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, events, _, err := aTask(silence, right)
		expectStatus(t, err, 0)
		if c.complaints != 1 || c.resubmitted != 1 || !strings.Contains(events, "DC1-client-0 complains: DC1-client-0-task-1 is not answered after 10s") {
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
