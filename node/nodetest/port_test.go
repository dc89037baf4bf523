package nodetest_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// otherProcess has this test's binary be another test that wants ports.
const otherProcess = "BROKERMESH_TEST_PORTS"

// No address is given twice, to whoever asks: in this process, or in others that
// run at the same time.
func TestAddresses(t *testing.T) {
	const each = 250 // more than a block
	if os.Getenv(otherProcess) != "" {
		for _, a := range nodetest.Addresses(t, each) {
			os.Stdout.WriteString("address " + a + "\n")
		}
		_, _ = os.Stdin.Read(make([]byte, 1)) // until all have theirs
		return
	}
	var mu sync.Mutex
	given := make(map[string]bool)
	note := func(address string) {
		mu.Lock()
		defer mu.Unlock()
		if given[address] {
			t.Errorf("%s is given twice", address)
		}
		given[address] = true
	}
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for _, a := range nodetest.Addresses(t, each) {
				note(a)
			}
		})
	}
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAddresses$")
		cmd.Env = append(os.Environ(), otherProcess+"=1")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
		t.Cleanup(func() { _ = in.Close() }) // before that
		asking.Go(func() {
			lines := bufio.NewScanner(out)
			for n := 0; n < each && lines.Scan(); {
				if address, ok := strings.CutPrefix(lines.Text(), "address "); ok {
					note(address)
					n++
				}
			}
		})
	}
	asking.Wait()
	if len(given) != 6*each {
		t.Errorf("%d addresses are given, want %d", len(given), 6*each)
	}
	l, err := net.Listen("tcp", nodetest.Addresses(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// What a test is given can be listened to at once, also while it starts processes.
func TestAddressesBesideNewProcesses(t *testing.T) {
	over := make(chan struct{})
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := exec.Command(os.Args[0], "-test.run=^$").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer starting.Wait()
	defer close(over)
	for _, address := range nodetest.Addresses(t, 250) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		nodetest.AwaitFree(t, address)
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}
