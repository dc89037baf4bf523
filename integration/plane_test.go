package integration

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// The whole suite runs on both cloud planes: `go test ./integration` on the
// embedded servers, with -plane=external on an existing NATS, a cluster of two
// servers in processes of their own, new for each test.
var plane = flag.String("plane", "embedded", "cloud plane of the tests: embedded, or external")

func external() bool { return *plane == "external" }

// embeddedOnly skips a test of what an existing NATS does not have: routes
// between the nodes.
func embeddedOnly(t *testing.T) {
	t.Helper()
	if external() {
		t.Skip("about the embedded cloud plane")
	}
}

// natsServer is an external NATS server in a process.
type natsServer struct {
	*process
	client, cluster string // host:port
}

// Environment of a process that is a NATS server: where it listens, and the
// cluster address of another to route to.
const (
	serverClient  = "TEST_SERVER_CLIENT"
	serverCluster = "TEST_SERVER_CLUSTER"
	serverRoute   = "TEST_SERVER_ROUTE"
)

// startServer starts an external server; route is the cluster address of
// another, or "".
func startServer(t *testing.T, name, client, cluster, route string) *natsServer {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &natsServer{process: start(t, "server "+name, []string{serverClient + "=" + client, serverCluster + "=" + cluster, serverRoute + "=" + route}, path)}
	if _, err := fmt.Sscanf(s.await(1, "serving"), "serving %s %s", &s.client, &s.cluster); err != nil {
		t.Fatal(err)
	}
	return s
}

// serverMain is the process of an external server. It ends with its input, so
// it never outlives the test.
func serverMain() error {
	host, port := splitPort(os.Getenv(serverClient))
	_, clusterPort := splitPort(os.Getenv(serverCluster))
	opts := &server.Options{Host: host, Port: port, NoSigs: true, MaxPayload: 2 << 20, Cluster: server.ClusterOpts{
		Name: "external", Host: host, Port: clusterPort,
		NoAdvertise: true, // who is given wires to the servers does not learn of ways around them
	}}
	if route := os.Getenv(serverRoute); route != "" {
		opts.Routes = []*url.URL{{Scheme: "nats-route", Host: route}}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(nodetest.Timeout) {
		return fmt.Errorf("not ready within %s", nodetest.Timeout)
	}
	fmt.Println("serving", strings.TrimPrefix(s.ClientURL(), "nats://"), s.ClusterAddr())
	_, err = os.Stdin.Read(make([]byte, 1)) // until the test ends
	return err
}

func splitPort(address string) (host string, port int) {
	host, text, _ := strings.Cut(address, ":")
	if _, err := fmt.Sscan(text, &port); err != nil || port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port
}

// externalURL returns the URLs of a test's servers.
func externalURL(t *testing.T) string {
	t.Helper()
	clients := externalServers(t)
	return "nats://" + clients[0] + ",nats://" + clients[1]
}

// externalServers starts the two servers of a test, once, and returns where they
// listen.
func externalServers(t *testing.T) [2]string {
	t.Helper()
	externals.Lock()
	defer externals.Unlock()
	clients, known := externals.of[t]
	if !known {
		own := nodetest.Addresses(t, 4)
		a := startServer(t, "a", own[0], own[1], "")
		b := startServer(t, "b", own[2], own[3], a.cluster)
		clients = [2]string{a.client, b.client}
		externals.of[t] = clients
	}
	return clients
}

var externals = struct {
	sync.Mutex
	of map[*testing.T][2]string // host:port of each
}{of: make(map[*testing.T][2]string)}

// startMesh is nodetest.Start on the plane of this run.
func startMesh(t *testing.T, n int, opts ...nodetest.Option) *nodetest.Mesh {
	t.Helper()
	if external() {
		servers := externalURL(t)
		opts = append(opts, nodetest.WithConfig(func(c *node.Config) { c.CloudURL = servers }))
	}
	return nodetest.Start(t, n, opts...)
}

// An existing NATS that is not there yet: the node serves alone, says so, and is
// a member as soon as it appears. When it restarts, nobody is declared dead: the
// tasks that peers have in hand are waited for, and run once.
func TestExternalPlaneComesAndGoes(t *testing.T) {
	own := nodetest.Addresses(t, 2)
	setting := "MESH_CLOUD_URL=nats://token@" + own[0] // which the log does not tell
	dc1 := startNode(t, "DC1", setting)
	dc1.await(1, "cannot be reached; going on alone")
	home, client, seen := startWorkers(t, dc1, 1), dial(t, dc1.Local), watch(t, dc1.Local)
	seen.awaitIdle("DC1", 1)
	alone := send(t, client, "localfe", []byte("alone"))
	home.await(1, "busy")
	home.say(1, "go")
	expectFrom(t, "DC1", <-alone)

	first := startServer(t, "first", own[0], own[1], "")
	dc1.await(1, `the cloud plane is back","node":"DC1","cloud":"nats://***@`+own[0])
	dc2 := startNode(t, "DC2", setting)
	away := startWorkers(t, dc2, 1)
	seen.awaitIdle("DC2", 1)
	one := send(t, client, "localfe", []byte("at home"))
	home.await(2, "busy")
	two := send(t, client, "localfe", []byte("at the peer"))
	away.await(1, "busy")

	first.close()
	dc1.await(2, "cannot be reached; going on alone")
	dc2.await(1, "cannot be reached; going on alone")
	startServer(t, "second", own[0], own[1], "")
	dc1.await(2, "the cloud plane is back")
	dc2.await(1, "the cloud plane is back")
	home.say(1, "go")
	away.say(1, "go")
	expectFrom(t, "DC1", <-one)
	expectFrom(t, "DC2", <-two)
}
