package workerpool_test

import (
	"errors"
	"net"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// link is the way from a client to the server. It can be cut, and keeps what
// the client wrote.
type link struct {
	s *server.Server

	mu      sync.Mutex
	down    bool
	conns   []net.Conn
	written strings.Builder
}

type linkConn struct {
	net.Conn
	link *link
}

func (l *link) InProcessConn() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("the link is down")
	}
	c, err := l.s.InProcessConn()
	l.conns = append(l.conns, c)
	return linkConn{c, l}, err
}

func (c linkConn) Write(b []byte) (int, error) {
	c.link.mu.Lock()
	c.link.written.Write(b)
	c.link.mu.Unlock()
	return c.Conn.Write(b)
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *link) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
