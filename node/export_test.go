package node

import "github.com/nats-io/nats.go"

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

// Local and System are the node's own connections.
func (n *Node) Local() *nats.Conn  { return n.loop.plane.local }
func (n *Node) System() *nats.Conn { return n.loop.plane.system }
