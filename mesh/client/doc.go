// Package client sends tasks to a mesh and keeps each until it is answered.
//
//	c, err := client.Connect("nats://dc1:4222,nats://dc2:4222") // its own cluster's node first
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
//	defer cancel()
//	reply, err := c.Do(ctx, client.Request{Service: "upper", Data: []byte("hello")})
//
// A request is submitted again, with the same Nats-Msg-Id and with the time that
// is left, when the connection was lost or leads to another server, when no node
// listens behind it, and when the node says that it shuts down. Nothing but the
// caller's context ends that; a context without a deadline waits for ever. The
// first answer to any of the submissions counts, others are dropped. A node that
// has the task already lets the repeat join it; at another node it runs again. So
// a task is done at least once, as everywhere in the mesh.
//
// What the mesh or a worker answers otherwise is the answer: a Reply, or an
// *Error with its code. Of those, the option Retry submits again what the mesh
// had no room for.
//
// When its node is gone, a client of Connect goes on along its list of nodes, and
// stays with the one that it finds. A node that shuts down still answers what it
// has in hand: the client leaves when it waits for nothing else there, and at the
// latest after Grace. A client of New has the connection it was given and no
// other; it asks again, with a growing pause, until somebody serves it there.
//
// A Client has one connection, one subscription and one goroutine, whatever the
// number of requests. All its methods may be called from any goroutine.
package client
