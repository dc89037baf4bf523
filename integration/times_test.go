package integration

import (
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

var rounds = flag.Int("rounds", 3, "how often the tests that tell times do it")

// tellTimes logs the median and the most of some times, beside the target. It is
// for people: a slow machine fails no test.
func tellTimes(t *testing.T, what string, took []time.Duration, target string) {
	t.Helper()
	slices.Sort(took)
	t.Logf("%s: median %s, most %s of %d; target %s", what, took[len(took)/2], took[len(took)-1], len(took), target)
}

// A worker process is killed with a task in hand, while another worker is idle:
// that one has the task soon after.
func TestKilledWorkerTime(t *testing.T) {
	dc1 := startNode(t, "DC1")
	client, seen := dial(t, dc1.Local), watch(t, dc1.Local)
	victim := startWorkers(t, dc1, 1)
	seen.awaitIdle("DC1", 1)
	var took []time.Duration
	for i := range *rounds {
		answer := send(t, client, mesh.SubjectRequest, fmt.Append(nil, i))
		victim.await(1+min(i, 1), "busy") // but for the first it is the second time
		other := startWorkers(t, dc1, 1)
		seen.awaitIdle("DC1", 1)
		killed := time.Now()
		victim.signal(syscall.SIGKILL)
		other.await(1, "busy")
		took = append(took, time.Since(killed).Round(100*time.Microsecond))
		victim.awaitDeath(syscall.SIGKILL)
		other.say(1, "go")
		expectFrom(t, "DC1", <-answer)
		victim = other
	}
	tellTimes(t, "killed worker, its task runs elsewhere", took, "10ms for the median")
}

// A node is killed with a task of a peer in hand, while a third node has an idle
// worker: that one has the task soon after. On an existing NATS it is its silence
// that tells, after three seconds.
func TestKilledPeerTime(t *testing.T) {
	dc1 := startNode(t, "DC1")
	dc3 := startNode(t, "DC3", seeded(dc1))
	client, seen := dial(t, dc1.Local), watch(t, dc1.Local)
	var took []time.Duration
	for i := range *rounds {
		victim := startNode(t, fmt.Sprint("V", i), seeded(dc1))
		away := startWorkers(t, victim, 1)
		seen.awaitIdle(victim.name, 1)
		answer := send(t, client, mesh.SubjectRequest, fmt.Append(nil, i))
		away.await(1, "busy")
		third := startWorkers(t, dc3, 1)
		seen.awaitIdle("DC3", 1)
		killed := time.Now()
		victim.signal(syscall.SIGKILL)
		third.await(1, "busy")
		took = append(took, time.Since(killed).Round(time.Millisecond))
		victim.awaitDeath(syscall.SIGKILL)
		third.say(1, "go")
		expectFrom(t, "DC3", <-answer)
		third.close()
		seen.await("DC3 without workers", func(s mesh.State) bool {
			return s.Name == "DC3" && (len(s.Services) == 0 || s.Services[0].Workers == 0)
		})
	}
	target := "400ms at the 99th percentile"
	if external() {
		target = "3.5s"
	}
	tellTimes(t, "killed peer, its task runs elsewhere", took, target)
}
