package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
)

// The cluster of the guide: so many clients and workers, each with a connection
// of its own, and how often each client asks.
const (
	guideClients = 1000
	guideWorkers = 500
	guideRate    = 10 // requests a second of a client
	tooSlow      = 100 * time.Millisecond
)

// cluster runs the guide's cluster on one node, then raises the rate until it is
// too slow.
func (b *bench) cluster(length time.Duration) error {
	s, err := b.startSystem(func(system) role { return role{System: mesh, Kind: server, Name: "A"} })
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	fmt.Printf("%d clients, %d workers, a connection each, one node, 1 KiB; load of the machine before: %s\n", guideClients, guideWorkers, machineLoad())
	before, _, err := s.memory()
	if err != nil {
		return err
	}
	url := s[0].where.URL
	w, err := b.start(role{System: mesh, Kind: workers, URLs: []string{url}, N: guideWorkers, Share: 1})
	if err != nil {
		return err
	}
	s = append(s, w)
	if err := awaitMesh(url, 1, guideWorkers); err != nil {
		return err
	}
	heap, _, err := s[:1].memory()
	if err != nil {
		return err
	}
	fmt.Printf("an idle worker with a connection of its own takes %.1f KiB of the node\n\n", (heap-before)/guideWorkers/(1<<10))
	c, err := b.start(role{System: mesh, Kind: clients, URLs: []string{url}, N: guideClients, Share: 1})
	if err != nil {
		return err
	}
	s = append(s, c)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "requests/s\tfor\tanswered/s\tlost\tp50\tp99\tcores, all\tcores, the node")
	rate := float64(guideClients * guideRate)
	for slow := false; !slow; rate *= 1.15 {
		l, cost, err := s.measure(order{For: length, Rate: rate, Size: 1024, Singly: true})
		if err != nil {
			return err
		}
		p99 := l.Latency.quantile(0.99)
		fmt.Fprintf(out, "%.0f\t%s\t%.0f\t%d\t%s\t%s\t%.2f\t%.2f\n", rate, length, float64(l.Tasks)/l.Took.Seconds(), l.Failed,
			short(l.Latency.quantile(0.5)), short(p99), cost.all.Seconds()/l.Took.Seconds(), cost.servers.Seconds()/l.Took.Seconds())
		slow = p99 > tooSlow
		length = min(length, 5*time.Second)
	}
	return out.Flush()
}

// Many nodes on one machine, each with many workers that take their time.
const (
	manyNodes   = 12
	manyWorkers = 1000
	manyShare   = 100 // workers a connection
	manySleep   = time.Second
	skewedRate  = 3000 // tasks a second, all sent to one node: three times what its workers can do
)

// nodes starts many nodes with many workers, looks at what they cost when nothing
// happens, and sends to one of them.
func (b *bench) nodes(idle time.Duration) error {
	fmt.Printf("%d nodes x %d workers, %d workers a connection, embedded cloud plane; load of the machine before: %s\n\n", manyNodes, manyWorkers, manyShare, machineLoad())
	var s system
	defer func() { s.stop() }()
	begin := time.Now()
	var peers, urls []string
	for i := range manyNodes {
		c, err := b.start(role{System: mesh, Kind: server, Name: fmt.Sprintf("DC%d", i+1), Peers: peers})
		if err != nil {
			return err
		}
		s, urls = append(s, c), append(urls, c.where.URL)
		peers = []string{s[0].where.Route}
	}
	if err := awaitMesh(urls[manyNodes-1], manyNodes, 0); err != nil {
		return err
	}
	fmt.Printf("started, one after the other, and meshed after %s\n", short(time.Since(begin)))
	before, _, err := s.memory()
	if err != nil {
		return err
	}
	begin = time.Now()
	w, err := b.start(role{System: mesh, Kind: workers, URLs: urls, N: manyNodes * manyWorkers, Share: manyShare, Sleep: manySleep})
	if err != nil {
		return err
	}
	s = append(s, w)
	if err := awaitMesh(urls[0], manyNodes, manyWorkers); err != nil {
		return err
	}
	fmt.Printf("all %d workers known everywhere after %s\n", manyNodes*manyWorkers, short(time.Since(begin)))
	nodes := s[:manyNodes]
	heap, resident, err := nodes.memory()
	if err != nil {
		return err
	}
	fmt.Printf("a node has %.1f MiB resident after a collection of garbage, heap and stacks of %.1f KiB for each worker\n",
		resident/manyNodes/(1<<20), (heap-before)/(manyNodes*manyWorkers)/(1<<10))
	used, err := nodes.over(idle)
	if err != nil {
		return err
	}
	fmt.Printf("an idle node uses %.2f %% of a core\n", 100*used.Seconds()/manyNodes/idle.Seconds())

	c, err := b.start(role{System: mesh, Kind: clients, URLs: urls[:1], N: 1, Share: 1})
	if err != nil {
		return err
	}
	s = append(s, c)
	l, cost, err := s.measure(order{For: idle, Rate: skewedRate, Size: 64})
	if err != nil {
		return err
	}
	fmt.Printf("%d tasks/s of %s each, all sent to DC1, for %s: %d answered, %d lost; wait for a worker p50 %s, p99 %s; CPU of all nodes %.0f µs a task\n",
		skewedRate, manySleep, idle, l.Tasks, l.Failed, short(l.Wait.quantile(0.5)), short(l.Wait.quantile(0.99)), float64(cost.servers.Microseconds())/float64(l.Tasks))
	return nil
}

// memory is what processes use, in bytes: heap and stacks after a collection, and
// resident.
func (s system) memory() (heap, resident float64, err error) {
	for _, c := range s {
		a, err := c.do(order{Heap: true})
		if err != nil {
			return 0, 0, err
		}
		heap, resident = heap+float64(a.Heap), resident+float64(a.Memory)
	}
	return heap, resident, nil
}

// over is the CPU time that processes use in a while.
func (s system) over(while time.Duration) (time.Duration, error) {
	before, err := s.state()
	if err != nil {
		return 0, err
	}
	time.Sleep(while)
	cost, err := s.since(before)
	return cost.all, err
}

// awaitMesh waits until a node has heard that so many nodes have so many workers each.
func awaitMesh(url string, nodes, workers int) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	states, err := nc.SubscribeSync("state.*")
	if err != nil {
		return err
	}
	ready := make(map[string]bool)
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		m, err := states.NextMsg(patience)
		if err != nil {
			return err
		}
		var s struct {
			Name     string `json:"name"`
			Services []struct {
				Workers int `json:"workers"`
			} `json:"services"`
		}
		if err := json.Unmarshal(m.Data, &s); err != nil {
			return err
		}
		total := 0
		for _, one := range s.Services {
			total += one.Workers
		}
		if ready[s.Name] = total >= workers; len(ready) < nodes {
			continue
		}
		missing := 0
		for _, ok := range ready {
			if !ok {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
	}
	return errors.New("the nodes have not found each other")
}
