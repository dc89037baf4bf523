package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// connectionVariables is the help on what connection reads.
const connectionVariables = `How to connect, besides --server, is read from the variables of the nats command:
NATS_URL, NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS, NATS_NKEY, NATS_JWT
and NATS_SEED, NATS_CA, NATS_CERT and NATS_KEY. A NATS_USER alone is a token.`

// connection returns how to connect to a node for good: as the flag and the
// variables of the nats command say, retrying for ever. An error joins all that
// is wrong.
func connection(server string, env func(string) string) (nats.Options, error) {
	o := nats.GetDefaultOptions()
	var faults []error
	need := func(ok bool, variable, fault string) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s: %s", variable, fault))
		}
	}
	set := func(variable string, option nats.Option) {
		if err := option(&o); err != nil {
			need(false, variable, strings.TrimPrefix(err.Error(), "nats: "))
		}
	}
	from := "--server"
	if server == "" {
		from, server = "NATS_URL", cmp.Or(env("NATS_URL"), nats.DefaultURL)
	}
	for one := range strings.SplitSeq(server, ",") {
		o.Servers = append(o.Servers, strings.TrimSpace(one))
	}
	if err := mesh.CheckURLs(o.Servers...); err != nil {
		need(false, from, err.Error())
	}

	// In the order of the nats command: the first counts.
	user, creds, key, jwt := env("NATS_USER"), env("NATS_CREDS"), env("NATS_NKEY"), env("NATS_JWT")
	switch {
	case user != "" && env("NATS_PASSWORD") == "":
		o.Token = user
	case user != "":
		o.User, o.Password = user, env("NATS_PASSWORD")
	case creds != "":
		set("NATS_CREDS", nats.UserCredentials(creds))
	case key != "":
		option, err := nats.NkeyOptionFromSeed(key)
		if err != nil {
			option = func(*nats.Options) error { return err }
		}
		set("NATS_NKEY", option)
	case jwt != "":
		need(env("NATS_SEED") != "", "NATS_JWT", "needs NATS_SEED")
		set("NATS_JWT", nats.UserJWTAndSeed(jwt, env("NATS_SEED")))
	}
	o.Token = cmp.Or(env("NATS_TOKEN"), o.Token)
	if ca := env("NATS_CA"); ca != "" {
		set("NATS_CA", nats.RootCAs(ca))
	}
	if cert, key := env("NATS_CERT"), env("NATS_KEY"); cert != "" && key != "" {
		set("NATS_CERT", nats.ClientCert(cert, key))
	} else {
		need(cert == "" && key == "", "NATS_CERT", "has to be set together with NATS_KEY")
	}

	o.RetryOnFailedConnect, o.IgnoreAuthErrorAbort, o.MaxReconnect = true, true, -1
	o.ReconnectWait, o.ReconnectJitter, o.ReconnectJitterTLS = 250*time.Millisecond, 250*time.Millisecond, 250*time.Millisecond
	o.PingInterval, o.MaxPingsOut = 10*time.Second, 2 // a machine that vanished is missed in half a minute
	return o, errors.Join(faults...)
}

// complainEvery is how often it is told that a connection does not come about.
const complainEvery = 10 * time.Second

// conversation logs what becomes of a connection, and ends it when there is
// nobody to say goodbye to. nats.go runs its callbacks one after the other.
type conversation struct {
	log       *slog.Logger
	leaving   context.Context // ends when the connection is to end
	complaint time.Time       // the last one; zero while all is well
}

// follow has the connection's callbacks tell of it.
func (c *conversation) follow(o *nats.Options) {
	connected := func(nc *nats.Conn) {
		c.complaint = time.Time{}
		c.log.Info("connected", "server", mesh.RedactURLs(nc.ConnectedUrl()), "name", nc.ConnectedServerName())
	}
	complain := func(what string, err error) {
		if now := time.Now(); now.Sub(c.complaint) >= complainEvery {
			c.complaint = now
			c.log.Warn(what, "error", err)
		}
	}
	o.ConnectedCB, o.ReconnectedCB = connected, connected
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		if c.leaving.Err() != nil {
			c.leave(nc)
			return
		}
		if err == nil {
			err = errors.New("the node closed the connection")
		}
		c.log.Warn("disconnected", "error", err)
	}
	o.ReconnectErrCB = func(_ *nats.Conn, err error) { complain("not connected; trying on", err) }
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { complain("connection", err) }
}

// leave logs that the connection is to end. If it is down there is nobody to say
// goodbye to, and what is in hand was given to others.
func (c *conversation) leave(nc *nats.Conn) {
	switch {
	case nc.IsClosed():
	case nc.IsConnected():
		c.log.Info("leaving")
	default:
		c.log.Info("leaving; there is no node to tell")
		nc.Close()
	}
}
