package nodetest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports of nodes are below those that systems hand out by themselves (from
// 32768 on Linux): while a node is down, nobody else gets its port by chance.
const (
	firstPort = 10_000
	lastPort  = 32_000
)

// addresses finds n free addresses on the loopback interface.
func (m *Mesh) addresses(n int) []string {
	m.t.Helper()
	var found []string
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // all at the end, so that no two are the same
		if found = append(found, l.Addr().String()); len(found) == n {
			return found
		}
	}
	m.t.Fatalf("no %d free ports", n)
	return nil
}
