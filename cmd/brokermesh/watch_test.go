package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// watching runs the watch command until the function it returns is called.
func watching(t *testing.T, args ...string) (*output, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, status := newOutput(), make(chan int, 1)
	go func() { status <- run(ctx, append([]string{"watch"}, args...), out, out) }()
	return out, func() {
		cancel()
		if s := <-status; s != 0 {
			t.Errorf("exit status %d:\n%s", s, out)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	for _, url := range []string{m.Node("DC1").LocalURL(), m.Node("DC1").CloudURL()} {
		out, end := watching(t, "-s", url)
		out.await(t, 0, " DC1 appears, up ")
		at := out.await(t, 0, " DC2 appears, up ")
		at = out.await(t, at, " DC2 workers 0 idle 0 waiting 0\n")
		w := m.Work("DC2", 1, func(context.Context, *workerpool.Task) ([]byte, error) { return nil, nil })
		at = out.await(t, at, " DC2 workers 1 (+1) idle 1 (+1) waiting 0\n")
		w.Stop()
		at = out.await(t, at, " DC2 workers 0 (-1) idle 0 (-1) waiting 0\n")
		m.Shutdown("DC2")
		at = out.await(t, at, " DC2 leaves\n")
		m.Restart("DC2")
		at = out.await(t, at, " DC2 appears, up ")
		m.Kill("DC2")
		at = out.await(t, at, " DC2 silent for 3 s\n")
		m.Restart("DC2")
		out.await(t, at, " DC2 restarted, up ")
		end()
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What it cannot print it says so and ends: a log with a gap would look complete.
func TestWatchOnAFullDisk(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	for _, more := range []string{"--json", "--json=false"} {
		errs := newOutput()
		if status := run(t.Context(), []string{"watch", "--for", "10s", "-s", m.Node("DC1").LocalURL(), more}, fullDisk{}, errs); status != exitFailed || errs.String() != "brokermesh: no space left\n" {
			t.Errorf("%s: exit status %d: %s", more, status, errs)
		}
	}
}

// On a cloud port it hears what the nodes of a large mesh tell their neighbours, too.
func TestWatchNews(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	out, end := watching(t, "-s", m.Node("DC1").CloudURL())
	defer end()
	out.await(t, 0, " DC1 appears, up ")
	nc, err := nats.Connect(m.Node("DC1").CloudURL(), nats.Timeout(timeout))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for i, subject := range []string{mesh.StateSubject("DC9"), mesh.NewsSubject("DC9"), mesh.StateSubject("DC9")} {
		s := mesh.State{Version: mesh.Version, Name: "DC9", Incarnation: "a", Sequence: uint64(i + 1), Services: []mesh.Load{{Workers: 5, Idle: 5 - i}}}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish(subject, data); err != nil {
			t.Fatal(err)
		}
	}
	at := out.await(t, 0, " DC9 workers 5 idle 5 waiting 0\n")
	at = out.await(t, at, " DC9 workers 5 idle 4 (-1) waiting 0\n")
	out.await(t, at, " DC9 workers 5 idle 3 (-1) waiting 0\n")
}

func TestWatchReconnects(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	url := m.Node("DC1").LocalURL()
	out, end := watching(t, "-s", url)
	at := out.await(t, 0, " DC1 appears, up ")
	m.Kill("DC1")
	at = out.await(t, at, " lost "+url+"; reconnecting\n")
	m.Restart("DC1")
	at = out.await(t, at, " reconnected to "+url+"\n")
	out.await(t, at, " DC1 restarted, up ")
	end()
}

func TestWatchJSON(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	out, end := watching(t, "-s", m.Node("DC1").LocalURL(), "--json")
	at := out.await(t, 0, "\n")
	end()
	var s mesh.State
	if err := json.Unmarshal([]byte(out.String()[:at]), &s); err != nil || s.Name != "DC1" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWatchEndsByItself(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1)
	if status, _, out := brokermesh(t, "watch", "--server", m.Node("DC1").LocalURL(), "--for", "100ms"); status != 0 {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

func TestWatchWithoutANode(t *testing.T) {
	t.Parallel()
	const nowhere = "nats://127.0.0.1:1"
	if status, _, out := brokermesh(t, "watch", "-s", nowhere); status != exitFailed || !strings.Contains(out, "cannot reach "+nowhere) {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if status, _, out := brokermesh(t, "watch", "-s", "nats://me:secret@127.0.0.1:1"); status != exitFailed || strings.Contains(out, "secret") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if status, _, out := brokermesh(t, "watch", "--for", "-1s"); status != exitConfig || !strings.Contains(out, "--for") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

// What changes while we cannot hear is told, but silence is not.
func TestWatchWhileDeaf(t *testing.T) {
	t.Parallel()
	out := newOutput()
	p := newPeople(out)
	now := time.Date(2026, 1, 2, 18, 30, 26, 0, time.UTC)
	hear := func(sequence uint64, loads ...mesh.Load) {
		data, err := json.Marshal(mesh.State{Version: mesh.Version, Name: "DC2", Incarnation: "a", Region: "eu", Sequence: sequence, Services: loads})
		if err != nil {
			t.Fatal(err)
		}
		p.hear(now, "DC2", data)
	}
	hear(1, mesh.Load{Workers: 5, Idle: 5}, mesh.Load{Service: "upper", Workers: 1, Idle: 1})
	hear(3, mesh.Load{Workers: 5, Idle: 2})
	hear(2) // overtaken
	p.linked(now, false, "lost it")
	now = now.Add(time.Minute)
	p.listen(now)
	p.linked(now, true, "reconnected")
	p.listen(now)
	now = now.Add(silenceAfter)
	p.listen(now)
	hear(4, mesh.Load{Workers: 5, Idle: 2})
	p.hear(now, "DC3", []byte("nonsense"))
	const want = `18:30:26 DC2 appears, up 0s, incarnation a, region eu
18:30:26 DC2 workers 5 idle 5 waiting 0
18:30:26 DC2 upper: workers 1 idle 1 waiting 0
18:30:26 DC2 workers 5 idle 2 (-3) waiting 0
18:30:26 DC2 upper: workers 0 (-1) idle 0 (-1) waiting 0
18:30:26 lost it
18:31:26 reconnected
18:31:29 DC2 silent for 3 s
18:31:29 DC2 is heard again
18:31:29 DC3 sent what is no state: `
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWatchReadsTheEnvironment(t *testing.T) {
	const nowhere = "nats://127.0.0.1:2"
	t.Setenv("NATS_URL", nowhere)
	if status, _, out := brokermesh(t, "watch"); status != exitFailed || !strings.Contains(out, "cannot reach "+nowhere) {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}
