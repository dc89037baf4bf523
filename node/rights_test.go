package node_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// userWithout has the rights on an existing NATS that docs/protocol.md asks for, but one.
func userWithout(name, right string) *server.User {
	but := func(rights ...string) *server.SubjectPermission {
		rights = slices.DeleteFunc(rights, func(r string) bool { return r == right })
		for i, r := range rights {
			_, rights[i], _ = strings.Cut(r, " ")
		}
		return &server.SubjectPermission{Allow: rights}
	}
	return &server.User{Username: name, Password: "secret", Permissions: &server.Permissions{
		Publish:   but("pub cloud.*", "pub cloud.*.held", "pub state."+name, "pub state."+name+".news"),
		Response:  &server.ResponsePermission{MaxMsgs: 10, Expires: time.Minute},
		Subscribe: but("sub _INBOX.>", "sub cloud."+name, "sub cloud."+name+".held", "sub state.*", "sub state.*.news"),
	}}
}

// A node whose account lacks a right that it cannot do without is not ready and says
// why. Nobody sends it tasks, and it sends none, until it has that right.
func TestRightIsMissing(t *testing.T) {
	t.Parallel()
	for right, told := range map[string]string{
		"sub cloud.DC2":      "subscribe to cloud.DC2",
		"sub cloud.DC2.held": "subscribe to cloud.DC2.held",
		"sub state.*":        "subscribe to state.*",
		"sub _INBOX.>":       "subscribe to _INBOX.>",
		"pub state.DC2":      "publish to state.DC2",
	} {
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			options := func(without string) *server.Options {
				return &server.Options{
					Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
					Users: []*server.User{userWithout("DC1", ""), userWithout("DC2", without)},
				}
			}
			plane := startNATS(t, options(right))
			said := make(lines, 1000)
			m := nodetest.Start(t, 1, patient, probed, nodetest.WithConfig(func(c *node.Config) {
				c.CloudURL = "nats://" + c.Name + ":secret@" + plane.Addr().String()
				c.Logger = slog.New(slog.NewTextHandler(said, nil))
			}))
			n := m.Add("DC2")
			m.Await("DC2", "it to miss a right", func(v node.View) bool { return v.Unready != "" })
			wantProbe(t, n.HealthURL()+"/readyz", 503, "the cloud plane does not let the node "+told+"\n")
			for line := receive(t, said); !strings.Contains(line, told); {
				line = receive(t, said)
			}
			answers := ask(t, m.Client("DC1"), task("x"))
			m.Await("DC1", "its task to wait", func(v node.View) bool { return v.Load("").Waiting == 1 })
			wantError(t, receive(t, ask(t, m.Client("DC2"), &nats.Msg{Subject: mesh.CloudSubject("DC1")})), "503")
			if peers := m.View("DC1").Peers; len(peers) > 0 {
				t.Errorf("DC1 sees %v", peers)
			}

			if err := plane.ReloadOptions(options("")); err != nil {
				t.Fatal(err)
			}
			m.Await("DC2", "its right", func(v node.View) bool { return v.Unready == "" })
			m.Work("DC2", 1, echo)
			wantAnswer(t, receive(t, answers), "x", "DC2")
			for len(said) > 0 {
				if line := <-said; strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
					t.Error(line)
				}
			}
		})
	}
}

// A right is taken from a node that is at work: it is as if its link were down, until it has
// the right again.
func TestRightIsRevoked(t *testing.T) {
	t.Parallel()
	options := func(without string) *server.Options {
		return &server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			Users: []*server.User{userWithout("DC1", ""), userWithout("DC2", without)},
		}
	}
	plane := startNATS(t, options(""))
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) {
		c.CloudURL = "nats://" + c.Name + ":secret@" + plane.Addr().String()
	}))
	m.Work("DC2", 1, echo)
	if err := plane.ReloadOptions(options("sub cloud.DC2")); err != nil {
		t.Fatal(err)
	}
	m.Await("DC2", "it to miss a right", func(v node.View) bool { return v.Unready != "" })
	m.Await("DC1", "no peer", func(v node.View) bool { return len(v.Peers) == 0 })
	wantAnswer(t, receive(t, ask(t, m.Client("DC2"), task("at home"))), "at home", "DC2")
	answers := ask(t, m.Client("DC1"), task("away"))
	if err := plane.ReloadOptions(options("")); err != nil {
		t.Fatal(err)
	}
	m.Await("DC2", "its right", func(v node.View) bool { return v.Unready == "" })
	wantAnswer(t, receive(t, answers), "away", "DC2")
}
