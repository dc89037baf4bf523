package dispatch

import "strconv"

// client is who sent requests that wait, as far as one can be told from another; of
// guests their origin. It is forgotten when none of its requests waits.
type client struct {
	name  string
	n     int // tasks that wait, for a worker or for another of the same id
	bytes int // of these
}

// clientShare is how many times what is left of the queue a client may have waiting.
// So a client alone can have eight ninths of the queue, two that want all of it
// eight seventeenths each: some room is always left for who has less.
const clientShare = 8

// hold counts a task among those that wait.
func (c *Core) hold(t *task) {
	if c.cfg.Size != nil {
		t.size = c.cfg.Size(t.message)
	}
	c.waitingBytes += t.size
	if t.client = c.clients[t.from]; t.client == nil {
		if t.client = c.spare; t.client == nil {
			t.client = new(client)
		}
		*t.client, c.spare = client{name: t.from}, nil
		c.clients[t.from] = t.client
	}
	t.client.n++
	t.client.bytes += t.size
}

// letGo takes a task off the count.
func (c *Core) letGo(t *task) {
	k := t.client
	c.waitingBytes -= t.size
	k.bytes -= t.size
	if k.n--; k.n == 0 {
		delete(c.clients, k.name)
		c.spare = k
	}
	t.size, t.client = 0, nil
}

// full returns why no more tasks of a client can wait, "" if one can.
func (c *Core) full(name string) string {
	left, bytesLeft := c.cfg.QueueLimit-c.waiting, c.cfg.QueueBytes-c.waitingBytes
	switch {
	case left <= 0:
		return "the queue of node " + c.cfg.Name + " is at its limit of " + strconv.Itoa(c.cfg.QueueLimit)
	case bytesLeft <= 0:
		return "the queue of node " + c.cfg.Name + " is at its limit of " + strconv.Itoa(c.cfg.QueueBytes) + " bytes"
	case left > (c.waiting+c.dedup.joined)/clientShare && bytesLeft > c.waitingBytes/clientShare:
		return "" // whoever has all of it
	}
	if k := c.clients[name]; k != nil && (k.n/clientShare >= left || k.bytes/clientShare >= bytesLeft) {
		return "the queue of node " + c.cfg.Name + " is nearly full, and this client has its share of it"
	}
	return ""
}
