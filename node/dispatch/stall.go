package dispatch

import "time"

// A waiting task beside an idle worker is a fault of this package (G4), one that
// nobody would hear of until the task's time is over. So it is looked for, in
// Tick, which the heartbeat sees to.
const stallEvery = time.Second

// lookForStalls counts the services that have been found so twice in a row.
func (c *Core) lookForStalls(now time.Duration) {
	c.nextStall = now + stallEvery
	for _, s := range c.services.list {
		if s.queue.n == 0 || s.idle.head == nil {
			s.stalled = 0
			continue
		}
		if s.stalled++; s.stalled == 2 {
			c.stats.Stalls++
		}
	}
}

// Stalled returns the services, in order of name, in which a task has waited
// beside an idle worker for a second or more. There should never be one.
func (c *Core) Stalled() []string {
	var stalled []string
	for _, s := range c.services.list {
		if s.stalled > 1 {
			stalled = append(stalled, s.name)
		}
	}
	return stalled
}
