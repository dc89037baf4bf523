package node

import (
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Break cuts one of the node's own connections to its local server, and returns
// when that is noticed.
func (n *Node) Break(nc *nats.Conn) error {
	lost := nc.StatusChanged(nats.RECONNECTING)
	defer nc.RemoveStatusListener(lost)
	id, err := nc.GetClientID()
	if err != nil {
		return err
	}
	if err := n.local.DisconnectClientByID(id); err != nil {
		return err
	}
	<-lost
	return nil
}

// Local, System and Cloud are the node's own connections.
func (n *Node) Local() *nats.Conn  { return n.loop.plane.local }
func (n *Node) System() *nats.Conn { return n.loop.plane.system }
func (n *Node) Cloud() *nats.Conn  { return n.loop.plane.cloud }

// StartServer starts a server that has to listen on two addresses, of which only
// the one that is checked before is known to be free.
func StartServer(checked, other string, log *slog.Logger) (*server.Server, error) {
	opts := baseOptions("DC1", checked)
	host, port := serverAddress(other)
	opts.Cluster = server.ClusterOpts{Name: "cluster", Host: host, Port: port}
	return startServer(opts, "CloudListen", checked, log)
}
