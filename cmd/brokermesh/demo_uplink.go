package main

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// uplink is the connection of a node's clients. It reconnects for ever. A
// request that is under way when it breaks fails at once: its answer would have
// come over the socket that is no more.
type uplink struct {
	nc *nats.Conn

	mu   sync.Mutex
	life context.Context // ends when the connection breaks
	cut  context.CancelFunc
	back chan struct{} // closed when life has begun
}

func dialUplink(url string, complain nats.ErrHandler) (*uplink, error) {
	u := &uplink{back: make(chan struct{})}
	u.found()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectBufSize(-1), // what is sent while it is down fails
		nats.ErrorHandler(complain),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { u.lost() }),
		nats.ReconnectHandler(func(*nats.Conn) { u.found() }))
	u.nc = nc
	return u, err
}

func (u *uplink) lost() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cut()
	u.back = make(chan struct{})
}

func (u *uplink) found() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.life != nil && u.life.Err() == nil {
		return
	}
	u.life, u.cut = context.WithCancel(context.Background())
	close(u.back)
}

// connected waits until the connection is up, and returns its life.
func (u *uplink) connected(ctx context.Context) (context.Context, error) {
	for {
		u.mu.Lock()
		life, back := u.life, u.back
		u.mu.Unlock()
		select {
		case <-back:
			return life, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// grace is how much longer a client waits than it told the mesh, which answers
// when the time is over.
const grace = time.Second

// request sends a task once and waits for its answer.
func (u *uplink) request(ctx context.Context, task []byte, timeout time.Duration) (*nats.Msg, error) {
	life, err := u.connected(ctx)
	if err != nil {
		return nil, err
	}
	once, cancel := context.WithTimeout(life, timeout+grace)
	defer cancel()
	return u.nc.RequestMsgWithContext(once, &nats.Msg{
		Subject: mesh.SubjectRequest, Data: task, Header: nats.Header{mesh.HeaderTimeout: {mesh.FormatTimeout(timeout)}},
	})
}
