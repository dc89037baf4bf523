package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/node/dispatch"
)

// faults says how unkind a world is: how often, on average, each trouble comes
// in a second; 0: never.
type faults struct {
	cut, leave, vanish, join, ready float64 // of workers
	kill, drain, part               float64 // of nodes
}

// chaos is a world with clients that ask and with trouble, up to a time.
type chaos struct {
	*World
	until   time.Duration
	workers []*Worker
	faults  faults
}

// settings are what a troubled world is made of.
type settings struct {
	Options
	faults   faults
	services int
	rate     float64 // bursts of requests in a second
	lasts    time.Duration
}

// settingsOf draws the settings of a seed, everything that can go wrong among
// them.
func settingsOf(seed uint64) settings {
	r := rand.New(rand.NewPCG(seed, 1))
	ms := func(most int) time.Duration { return time.Duration(r.IntN(most*1000)+1) * time.Microsecond }
	some := func(most float64) float64 { return max(0, r.Float64()*2-1) * most }
	o := Options{
		Seed: seed, Nodes: 1 + r.IntN(5), Config: dispatch.DefaultConfig(),
		Local:  Between(0, ms(1+r.IntN(30))),
		Cloud:  Between(0, ms(1+r.IntN(300))),
		Work:   Between(0, ms(1+r.IntN(400))),
		Notice: Between(0, ms(1+r.IntN(1000))),
		Census: Between(0, ms(1+r.IntN(1000))),
		Loss:   some(0.3),
		Lanes:  r.IntN(4),
		Wire:   r.IntN(2) == 0,
	}
	if r.IntN(2) == 0 {
		o.Config.AttemptTimeout = 50*time.Millisecond + ms(1000)
	}
	if r.IntN(3) == 0 {
		o.Config.QueueLimit = r.IntN(10)
	}
	if r.IntN(4) == 0 {
		o.Config.MaxAttempts = 1 + r.IntN(3)
	}
	return settings{
		Options: o,
		faults: faults{
			cut: some(4), leave: some(2), vanish: some(1), join: some(3), ready: some(5),
			kill: some(0.7), drain: some(0.5), part: some(1),
		},
		services: 1 + r.IntN(2),
		rate:     5 + r.Float64()*60,
		lasts:    3*time.Second + ms(5000),
	}
}

// troubled makes a world of the settings. Its log is kept so long.
func troubled(s settings, trace int) *chaos {
	s.Trace = trace
	if s.Config.AttemptTimeout == 0 { // a task may be with a vanished worker for ever
		s.faults.vanish = 0
	}
	c := &chaos{World: New(s.Options), until: s.lasts, faults: s.faults}
	services := []string{"", "a"}[:s.services]
	for _, n := range c.Nodes() {
		for range c.Random().IntN(3) {
			c.join(n, services[c.Random().IntN(len(services))])
		}
	}
	c.begin(services, s.rate)
	return c
}

func (c *chaos) join(n *Node, service string) {
	c.workers = append(c.workers, c.AddWorkers(n, service, 1+c.Random().IntN(4), 1+c.Random().IntN(3))...)
}

// begin schedules the clients and the troubles.
func (c *chaos) begin(services []string, rate float64) {
	r := c.Random()
	node := func() *Node { return c.Node(r.IntN(len(c.Nodes()))) }
	service := func() string { return services[r.IntN(len(services))] }
	worker := func(f func(*Worker)) {
		if len(c.workers) > 0 {
			f(c.workers[r.IntN(len(c.workers))])
		}
	}
	ms := func(most int) time.Duration { return time.Duration(r.IntN(most*1000)) * time.Microsecond }
	c.often(rate, func() {
		for range 1 + r.IntN(4)*r.IntN(4) {
			q := dispatch.Request{Service: service(), Here: r.IntN(8) == 0}
			if r.IntN(2) == 0 {
				q.Timeout = 1 + ms(1+r.IntN(5000))
			}
			if r.IntN(50) == 0 {
				q.Service = "unknown"
			}
			t := c.Request(node(), q)
			if r.IntN(5) == 0 {
				t.Flap(ms(2000), ms(9000))
			}
		}
	})
	c.often(c.faults.cut, func() {
		worker(func(k *Worker) {
			back := ms(1 + r.IntN(500))
			if r.IntN(4) == 0 {
				back = -1
			}
			c.Cut(k.Connection(), back)
		})
	})
	c.often(c.faults.leave, func() { worker((*Worker).Leave) })
	c.often(c.faults.vanish, func() { worker((*Worker).Vanish) })
	c.often(c.faults.ready, func() { worker((*Worker).Ready) })
	c.often(c.faults.join, func() { c.join(node(), service()) })
	c.often(c.faults.kill, func() {
		n := node()
		c.Kill(n)
		c.After(ms(1+r.IntN(5000)), func() { c.Restart(n) })
	})
	c.often(c.faults.drain, func() {
		n := node()
		c.Drain(n)
		c.After(ms(1000), func() { c.Leave(n) })
		c.After(1*time.Second+ms(3000), func() { c.Restart(n) })
	})
	c.often(c.faults.part, func() {
		if a, b := node(), node(); a != b {
			c.Partition(a, b, c.Now()+ms(1+r.IntN(6000)), r.IntN(2) == 0)
		}
	})
}

// often calls f at random times, so often in a second.
func (c *chaos) often(rate float64, f func()) {
	if rate == 0 {
		return
	}
	var next func()
	next = func() {
		c.After(time.Duration(c.Random().ExpFloat64()/rate*float64(time.Second)), func() {
			if c.Now() < c.until {
				f()
				next()
			}
		})
	}
	next()
}

// play runs the world to its end and looks at what is left.
func (c *chaos) play() error {
	if err := c.Run(c.until); err != nil {
		return err
	}
	c.Heal()
	if err := c.Run(c.until + 5*time.Second); err != nil { // restarts, workers that come back
		return err
	}
	for _, k := range c.workers { // so that the node hears of those that vanished
		if k.Gone() {
			c.Cut(k.Connection(), 0)
		}
	}
	if err := settle(c.World, 15*time.Second); err != nil {
		return err
	}
	return burst(c.World)
}

// settle is World.Settle, once all is answered where attempts have a time: each one of
// a task may wait for workers that are still at those whose time is over.
func settle(w *World, within time.Duration) error {
	w.Heal()
	busy := func(n *Node) bool { return n.Up() && !n.Core().Drained() }
	for range 60 {
		if w.opt.Config.AttemptTimeout == 0 || !slices.ContainsFunc(w.Nodes(), busy) {
			break
		}
		if err := w.Run(w.Now() + time.Second); err != nil {
			return err
		}
	}
	return w.Settle(within)
}
