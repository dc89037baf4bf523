package node_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Whoever sends garbage finds it in the log, and then nobody does: what is new each
// time makes no kind of its own, of which there is room for a hundred.
func TestGarbageIsOneKind(t *testing.T) {
	t.Parallel()
	said := make(lines, 1000)
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) }))
	for i := range 60 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.Node("DC1").CloudURL(), "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(nodetest.Timeout)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // the server puts that into what it says of the connection
			_, _ = fmt.Fprintf(conn, `CONNECT {"lang":"go","version":"1","name":"\" - %d"}`+"\r\n", i)
		}
		_, _ = fmt.Fprintf(conn, "%d - garbage - %d: x, y\r\n", i, i)
		_, _ = io.ReadAll(conn) // until it is cut off
		_ = conn.Close()
	}
	told := 0
	for len(said) > 0 {
		if strings.Contains(<-said, "garbage") {
			told++
		}
	}
	if told == 0 || told > 10 {
		t.Errorf("told %d times", told)
	}
}
