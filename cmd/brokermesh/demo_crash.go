package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	downtime = 2 * time.Second
	retry    = 500 * time.Millisecond // of a start whose port somebody else has for now
)

// startCrashes has a random node crash every so often, until sending ends. One
// node is left alone, if there are several: a mesh without a node is no mesh.
func (m *demoMesh) startCrashes(sending context.Context, o demoOptions) {
	if o.kill == 0 {
		return
	}
	m.crashes.Go(func() {
		defer rescue(m.screen)
		tick := time.NewTicker(o.kill)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-sending.Done():
				return
			}
			if sending.Err() != nil { // at the same moment
				return
			}
			var up []*cluster
			for _, c := range m.clusters {
				if c.standing(sending).up {
					up = append(up, c)
				}
			}
			if len(up) == 0 || len(up) == 1 && len(m.clusters) > 1 {
				continue
			}
			c := up[rand.IntN(len(up))]
			c.crash(sending)
			m.crashes.Go(func() {
				defer rescue(m.screen)
				c.comeBack(sending)
			})
		}
	})
}

// crash ends the node without a word, and the connection of its workers.
func (c *cluster) crash(ctx context.Context) {
	c.mu.Lock()
	n, workers := c.node, c.workers
	c.up = false
	c.crashes++
	c.mu.Unlock()
	busy := 0
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer done()
	if v, err := n.View(ctx); err == nil {
		load := v.Load("")
		busy = load.Workers - load.Idle
		c.mu.Lock()
		c.past += again(v.Stats)
		c.mu.Unlock()
	}
	_ = n.Close() // never fails
	workers.Close()
	c.mesh.screen.event(fmt.Sprintf("%s crashed with its %d workers, %d of them busy", n.Name(), c.size.workers, busy))
}

// comeBack starts the node again after a while; at once when sending has ended,
// for its clients still wait for their answers.
func (c *cluster) comeBack(sending context.Context) {
	select {
	case <-time.After(downtime):
	case <-sending.Done():
	}
	for told := false; ; {
		err := c.start()
		if err == nil {
			c.mesh.screen.event(c.cfg.Name + " is back, with new workers")
			return
		}
		if !told {
			c.mesh.screen.event(c.cfg.Name + " cannot come back yet: " + err.Error())
			told = true
		}
		select {
		case <-time.After(retry):
		case <-c.mesh.work.Done():
			return
		}
	}
}
