package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The variables mean what they mean to the nats command.
func TestConnection(t *testing.T) {
	t.Parallel()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, server string
		env          map[string]string
		user         string // what connection makes of it, in short
		servers      []string
		faults       []string // the beginnings of all lines of the error
	}{
		{"nothing", "", nil, "", []string{"nats://127.0.0.1:4222"}, nil},
		{"address", "", map[string]string{"NATS_URL": "a:1, tls://b"}, "", []string{"a:1", "tls://b"}, nil},
		{"flag", "c", map[string]string{"NATS_URL": "a:1"}, "", []string{"c"}, nil},
		{"user", "c", map[string]string{"NATS_USER": "u", "NATS_PASSWORD": "p", "NATS_CREDS": "not/looked/at"}, "user u p", []string{"c"}, nil},
		{"token", "c", map[string]string{"NATS_TOKEN": "t"}, "token t", []string{"c"}, nil},
		{"user alone", "c", map[string]string{"NATS_USER": "t"}, "token t", []string{"c"}, nil},
		{"key", "c", map[string]string{"NATS_NKEY": file}, "key", []string{"c"}, nil},
		{"JWT", "c", map[string]string{"NATS_JWT": "j", "NATS_SEED": string(seed)}, "jwt", []string{"c"}, nil},
		{"faults", "", map[string]string{
			"NATS_URL": "http://user:secret@a", "NATS_NKEY": "no/such/key", "NATS_CA": file, "NATS_CERT": file, "NATS_KEY": file,
		}, "", nil, []string{"NATS_URL: ", "NATS_NKEY: ", "NATS_CA: ", "NATS_CERT: "}},
		{"websockets", "ws://a, WSS://b", nil, "", []string{"ws://a", "WSS://b"}, nil},
		{"mixed", "a,wss://b", nil, "", nil, []string{"--server: ws:// and wss:// cannot be mixed"}},
		{"mixed variable", "", map[string]string{"NATS_URL": "ws://a,tls://b"}, "", nil, []string{"NATS_URL: ws:// and wss:// cannot be mixed"}},
		{"half", "a b", map[string]string{"NATS_JWT": "j", "NATS_KEY": file}, "", nil, []string{"--server: ", "NATS_JWT: ", "NATS_CERT: "}},
		{"no file", "c", map[string]string{"NATS_CREDS": "no/such/file"}, "", nil, []string{"NATS_CREDS: "}},
	} {
		o, err := connection(c.server, func(name string) string { return c.env[name] })
		if err != nil || c.faults != nil {
			var told string
			if err != nil {
				told = err.Error()
			}
			lines := strings.Split(told, "\n")
			if len(lines) != len(c.faults) || slices.ContainsFunc(lines, func(line string) bool {
				return !slices.ContainsFunc(c.faults, func(f string) bool { return strings.HasPrefix(line, f) })
			}) || strings.Contains(told, "secret") {
				t.Errorf("%s: %v; want the faults %q", c.what, err, c.faults)
			}
			continue
		}
		var user string
		switch {
		case o.User != "":
			user = "user " + o.User + " " + o.Password
		case o.Token != "":
			user = "token " + o.Token
		case o.Nkey != "":
			user = "key"
		case o.UserJWT != nil:
			user = "jwt"
		}
		if user != c.user || !slices.Equal(o.Servers, c.servers) || !o.RetryOnFailedConnect || o.MaxReconnect >= 0 {
			t.Errorf("%s: %q at %q", c.what, user, o.Servers)
		}
	}
}

// All commands that connect end at once with nats:// beside ws://, which nats.go tells
// only when it connects.
func TestMixedURLs(t *testing.T) {
	t.Parallel()
	const servers = "nats://127.0.0.1:1,ws://127.0.0.1:2"
	for _, args := range [][]string{
		{"watch", "-s", servers}, {"why", "-s", servers}, {"worker", "-s", servers, "--", "cat"}, {"worker", "-s", servers, "--process", "--", "cat"},
	} {
		if status, _, errs := brokermesh(t, args...); status != exitConfig || !strings.Contains(errs, "--server: ws://") {
			t.Errorf("%v: exit status %d: %s", args, status, errs)
		}
	}
}

// Neither errors nor logs tell a password or a token, however the URL is written.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"me:secret@host:1":          "***@host:1",
		"secret@host":               "***@host",
		"nats://secret@host:1":      "nats://***@host:1",
		"tls://me:sec@ret@host:1":   "tls://***@host:1",
		"wss://me:secret@host/path": "wss://***@host/path",
		"nats://host:1":             "nats://host:1",
	} {
		if got := mesh.RedactURLs(url, "nats://a"); got != want+",nats://a" {
			t.Errorf("%s is told as %s", url, got)
		}
	}

	m := nodetest.Start(t, 1)
	host := strings.TrimPrefix(m.Node("DC1").CloudURL(), "nats://") // takes every password
	for _, command := range []string{"watch", "why"} {
		for _, server := range []string{"me:secret@127.0.0.1:1", "nats://secret@127.0.0.1:1"} {
			if status, _, errs := brokermesh(t, command, "-s", server); status != exitFailed || strings.Contains(errs, "secret") {
				t.Errorf("%s -s %s: exit status %d: %s", command, server, status, errs)
			}
		}
	}
	if status, _, errs := brokermesh(t, "why", "-s", "nats://secret@"+host); status != exitFailed || !strings.Contains(errs, "nats://***@"+host+" is not the local port") {
		t.Errorf("exit status %d: %s", status, errs)
	}
	for _, args := range [][]string{{"-s", "secret@" + host, "--", "cat"}, {"-s", "secret@" + host, "--process", "--", "sleep", "3600"}} {
		ctx, stop := context.WithCancel(t.Context())
		out, status := newOutput(), make(chan int, 1)
		go func() { status <- run(ctx, append([]string{"worker"}, args...), out, out) }()
		out.await(t, 0, "***@"+host)
		stop()
		if s := <-status; s != 0 || strings.Contains(out.String(), "secret") {
			t.Errorf("worker %v: exit status %d: %s", args, s, out)
		}
	}
}
