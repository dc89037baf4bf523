package nodetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// The ports that Addresses takes from are below those that systems hand out by
// themselves, which begin at 32768 on Linux and at 49152 elsewhere. A process takes
// them by the block, of which it holds the first: tests of several packages run at
// the same time, each in a process of its own, and a port that has been found free
// may be another's before it is listened to.
const (
	firstPort = 10_000
	lastPort  = 32_000
	blockSize = 100
)

// ports are those of this process that nobody has got yet.
var ports struct {
	mu        sync.Mutex
	claims    []net.Listener // the first of each block, until the process ends
	next, end int
}

// Addresses returns n different host:port on the loopback interface that are free
// now. Nobody gets one of them by chance, for an outgoing connection or a listener
// of port 0, and no other call gets it, in this process or that of another test: a
// node that is down for a while finds its own still free.
func Addresses(t testing.TB, n int) []string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	var found []string
	for len(found) < n {
		if ports.next == ports.end && !claim() {
			t.Fatalf("no %d free ports", n)
		}
		if l, err := listen(ports.next); err == nil {
			_ = l.Close()
			AwaitFree(t, l.Addr().String())
			found = append(found, l.Addr().String())
		}
		ports.next++
	}
	return found
}

// AwaitFree waits until nobody listens on an address whose listener was closed. A
// process that is just being started has copies of all the sockets of the test that
// starts it, closed or not, until it has become another program.
func AwaitFree(t testing.TB, address string) {
	t.Helper()
	for end := time.Now().Add(Timeout); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatalf("somebody listens on %s", address)
		}
	}
}

// claim takes another block. It reports false if none is to be had.
func claim() bool {
	const blocks = (lastPort - firstPort) / blockSize
	for _, block := range rand.Perm(blocks) {
		first := firstPort + block*blockSize
		if l, err := listen(first); err == nil {
			ports.claims = append(ports.claims, l)
			ports.next, ports.end = first+1, first+blockSize
			return true
		}
	}
	return false
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}
