package node

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// MaxTask is the largest payload of a task, in bytes.
const MaxTask = 1 << 20

// A node embeds two servers. One clustered server would tell every peer of
// every local subscription; these two cannot leak, since the local one has no
// routes.
const (
	// They allow more than a payload, for headers: first the client's, then the mesh's own.
	localPayload = MaxTask + 8<<10
	cloudPayload = localPayload + 8<<10

	// A client that does not read is cut off when a write to it takes so long.
	// The node's own connections are among them, and must stand a starved machine.
	clientWrite = 10 * time.Second
	routeWrite  = 2 * time.Second

	// Bytes that a connection may be behind before it is cut off. The node's own
	// is one of them, and must stand a burst of the largest tasks.
	maxPending = 256 << 20

	// A worker that computes and does not read is no dead one: 1 s x 2 was seen
	// to cut those off.
	clientPing = 10 * time.Second
	routePing  = time.Second
	maxPings   = 2
)

// accounts of the local server.
const (
	localAccount  = "LOCAL"
	systemAccount = "SYS"
)

// localSuffix is what the name of a local server has after the node's name and incarnation.
const localSuffix = "-local"

// localServer is the server that clients and workers connect to. It never has
// a route. Whoever connects without credentials is in the local account; the
// system account, which tells of lost connections, is reachable in process only.
type localServer struct {
	*server.Server
	system nkeys.KeyPair   // of the system account's user
	local  *server.Account // of clients and workers
}

func startLocalServer(name, listen string, log *slog.Logger) (*localServer, error) {
	local, system := server.NewAccount(localAccount), server.NewAccount(systemAccount)
	_, anybody, err := newKey()
	if err != nil {
		return nil, err
	}
	key, ourselves, err := newKey()
	if err != nil {
		return nil, err
	}
	s := &localServer{system: key}
	opts := baseOptions(name+localSuffix, listen)
	opts.MaxPayload = localPayload
	opts.Accounts = []*server.Account{local, system}
	opts.SystemAccount = systemAccount
	opts.Nkeys = []*server.NkeyUser{
		{Nkey: anybody, Account: local},
		{Nkey: ourselves, Account: system, AllowedConnectionTypes: map[string]struct{}{"IN_PROCESS": {}}},
	}
	opts.NoAuthUser = anybody
	opts.AuthTimeout = startTimeout.Seconds() // the default, 2 s, tells of a busy machine, as in dial
	if s.Server, err = startServer(opts, "Listen", listen, log); err != nil {
		return nil, err
	}
	if s.local, err = s.LookupAccount(localAccount); err != nil { // not the one above: the server has its own copy
		stop(s.Server)
		return nil, fmt.Errorf("account of the local server: %w", err)
	}
	return s, nil
}

// listens reports whether somebody subscribes to a subject.
func (s *localServer) listens(subject string) bool { return s.local.SubscriptionInterest(subject) }

// startCloudServer starts the node's part of the embedded cloud plane: a server
// routed to those of its peers. Any one of them is enough to find the rest.
func startCloudServer(name string, cfg Config, log *slog.Logger) (*server.Server, error) {
	if err := checkFree("ClusterListen", cfg.ClusterListen); err != nil {
		return nil, err
	}
	opts := baseOptions(name, cfg.CloudListen)
	opts.MaxPayload = cloudPayload
	opts.NoSystemAccount = true // 53 subscriptions less a peer
	// A peer that is gone for good is told of hourly, not every second.
	opts.ReconnectErrorReports = server.DEFAULT_CONNECT_ERROR_REPORTS
	host, port := serverAddress(cfg.ClusterListen)
	opts.Cluster = server.ClusterOpts{
		Name: "brokermesh", Host: host, Port: port, Advertise: cfg.ClusterAdvertise,
		PoolSize:       -1,      // one connection a peer
		ConnectRetries: 1 << 20, // links that gossip taught heal as well
		PingInterval:   routePing,
		MaxPingsOut:    maxPings,
		WriteDeadline:  routeWrite,
		WriteTimeout:   server.WriteTimeoutPolicyClose, // notice a black hole in 1 s, not 3
	}
	for _, peer := range cfg.Peers {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: peer})
	}
	return startServer(opts, "CloudListen", cfg.CloudListen, log)
}

func baseOptions(name, listen string) *server.Options {
	host, port := serverAddress(listen)
	return &server.Options{
		ServerName: name, Host: host, Port: port,
		NoSigs:              true,
		MaxPending:          maxPending,
		WriteDeadline:       clientWrite,
		NoFastProducerStall: true, // or one stuck reader slows the node to a crawl
		PingInterval:        clientPing,
		MaxPingsOut:         maxPings,
		NoSublistCache:      true, // the answer to each request has a subject of its own
		MaxClosedClients:    1,    // by default it remembers 10,000, with all that they subscribed to, for a monitor that we have not
	}
}

// serverAddress returns an address of the configuration, which was checked, as the
// server wants it: its port 0, a free one, is -1.
func serverAddress(listen string) (host string, port int) {
	host, port, _ = splitAddress(listen)
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port
}

func newKey() (key nkeys.KeyPair, public string, err error) {
	if key, err = nkeys.CreateUser(); err == nil {
		public, err = key.PublicKey()
	}
	if err != nil {
		return nil, "", fmt.Errorf("keys of the local server: %w", err)
	}
	return key, public, nil
}

// systemUser signs in to the system account.
func (s *localServer) systemUser() nats.Option {
	public, err := s.system.PublicKey()
	if err != nil {
		return func(*nats.Options) error { return err }
	}
	return nats.Nkey(public, s.system.Sign)
}

// dial connects in process to an embedded server. A timeout for writes would cost
// a timer each, and be of no use: the server is in this process, and cuts off who
// does not read. Nor is the library's timeout for the handshake, 2 s: it tells of a
// machine that is busy, when a node starts beside many others, say.
func dial(s *server.Server, opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append([]nats.Option{nats.InProcessServer(s), nats.FlusherTimeout(0), nats.Timeout(startTimeout)}, opts...)...)
}

// connect connects in process to an embedded server of this node, for the
// node's own use: it never gives up and buffers nothing while disconnected.
func connect(s *server.Server, name string, opts ...nats.Option) (*nats.Conn, error) {
	nc, err := dial(s, append([]nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.ReconnectWait(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.Name(), err)
	}
	return nc, nil
}

// stop ends a server and waits until it has ended.
func stop(s *server.Server) {
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}
