package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/node"
)

const loopback = "127.0.0.1:0"

// dial makes a connection.
type dial func(...nats.Option) (*nats.Conn, error)

// serve starts a server of plain NATS, or a node. Both are built into this very
// binary, by the same compiler.
func (p *player) serve(ctx context.Context, r role) (answer, error) {
	if r.System == plain {
		return p.servePlain(r)
	}
	if r.Kind == server {
		node.Dedicate() // as brokermesh node does
	}
	n, err := node.New(node.Config{
		Name: r.Name, Peers: r.Peers, Listen: loopback, CloudListen: loopback, ClusterListen: loopback,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return answer{}, err
	}
	p.node = n
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	p.ended = append(p.ended, func() { _ = n.Close() })
	select {
	case <-n.Ready():
	case err := <-ended:
		return answer{}, err
	}
	p.dial = func(opts ...nats.Option) (*nats.Conn, error) { return n.Connect(ctx, opts...) }
	return answer{URL: n.LocalURL(), Route: n.ClusterAddr()}, nil
}

// servePlain starts a server with the defaults of NATS, on the loopback interface.
func (p *player) servePlain(r role) (answer, error) {
	opts := &natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true}
	if r.Routed || len(r.Peers) > 0 {
		opts.Cluster = natsserver.ClusterOpts{Name: "plain", Host: "127.0.0.1", Port: natsserver.RANDOM_PORT}
	}
	for _, peer := range r.Peers {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: peer})
	}
	s, err := natsserver.NewServer(opts)
	if err != nil {
		return answer{}, err
	}
	s.Start()
	p.ended = append(p.ended, s.Shutdown)
	if !s.ReadyForConnections(10 * time.Second) {
		return answer{}, errors.New("the server is not ready")
	}
	p.dial = func(opts ...nats.Option) (*nats.Conn, error) {
		return nats.Connect("", append(slices.Clone(opts), nats.InProcessServer(s))...)
	}
	a := answer{URL: s.ClientURL()}
	if r.Routed {
		a.Route = s.ClusterAddr().String()
	}
	return a, nil
}

// playAll is a server or node with its clients and workers in one process.
func (p *player) playAll(ctx context.Context, r role) (answer, error) {
	a, err := p.serve(ctx, r)
	if err != nil {
		return a, err
	}
	if _, err := p.dialWorkers(ctx, r); err != nil {
		return a, err
	}
	if r.Direct && p.node != nil {
		return a, p.callers(ctx, p.node, r)
	}
	_, err = p.dialClients(ctx, r)
	return a, err
}
