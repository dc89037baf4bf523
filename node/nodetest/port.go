package nodetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports that Addresses takes from are below those that systems hand out by
// themselves, which begin at 32768 on Linux and at 49152 elsewhere.
const (
	firstPort = 10_000
	lastPort  = 32_000
)

// Addresses returns n different host:port on the loopback interface that are free
// now. Nobody gets one of them by chance, for an outgoing connection or a listener
// of port 0: a node that is down for a while finds its own still free.
func Addresses(t testing.TB, n int) []string {
	t.Helper()
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
	t.Fatalf("no %d free ports", n)
	return nil
}
