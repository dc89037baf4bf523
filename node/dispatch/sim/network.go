package sim

import "time"

// Kind is a kind of cloud message.
type Kind string

// The kinds of cloud messages.
const (
	Delegation Kind = "delegation"
	Answer     Kind = "answer"
	Returning  Kind = "return"
	Ask        Kind = "ask"
	Held       Kind = "held"
	State      Kind = "state"
)

// Message is a cloud message on its way, as hooks see it.
type Message struct {
	Kind     Kind
	From, To *Node
	Task     *Task // of a delegation, answer or return
}

// network carries messages between nodes.
type network struct {
	world *World
	loss  float64
	lanes map[[3]int]time.Duration // from, to, lane: the last arrival
	parts map[[2]int]partition
}

// partition is two nodes that cannot hear each other for a time.
type partition struct {
	until time.Duration
	told  bool // senders hear that there is no subscriber
}

func newNetwork(w *World) network {
	return network{world: w, loss: w.opt.Loss, lanes: make(map[[3]int]time.Duration), parts: make(map[[2]int]partition)}
}

// Partition keeps what two nodes send to each other from arriving until the
// given time. Told: as between two servers that know that they are apart, the
// sender hears at once that nobody listens; otherwise it hears nothing.
func (w *World) Partition(a, b *Node, until time.Duration, told bool) {
	w.note("partition %s %s until %v told %v", a.name, b.name, until, told)
	w.network.parts[pair(a, b)] = partition{until, told}
}

// Heal ends every partition, and from now on no cloud message is lost by chance.
func (w *World) Heal() {
	w.note("heal")
	clear(w.network.parts)
	w.network.loss = 0
}

func pair(a, b *Node) [2]int { return [2]int{min(a.index, b.index), max(a.index, b.index)} }

// send carries a cloud message. Bounced, if not nil, is called at the sender
// when nobody listens.
func (t *network) send(m Message, deliver, bounced func()) {
	w, run := t.world, m.From.run
	bounce := func() {
		if bounced == nil || w.chance(t.loss) {
			return
		}
		w.After(w.opt.Cloud(w.random), func() {
			if m.From.up && m.From.run == run {
				bounced()
			}
		})
	}
	if w.chance(t.loss) || w.opt.Hooks.Lose != nil && w.opt.Hooks.Lose(m) {
		w.note("%s to %s: %s lost", m.From.name, m.To.name, m.Kind)
		return
	}
	if p := t.parts[pair(m.From, m.To)]; p.until > w.now {
		if p.told {
			bounce()
		}
		return
	}
	w.At(t.arrival(m), func() {
		if !m.To.up {
			bounce()
			return
		}
		deliver()
	})
}

// arrival draws when a message arrives: on one of the lanes after those before
// it, or at any time if there are no lanes.
func (t *network) arrival(m Message) time.Duration {
	w := t.world
	delay := w.opt.Cloud(w.random)
	if hook := w.opt.Hooks.Delay; hook != nil {
		if d, ok := hook(m); ok {
			return w.now + d
		}
	}
	at := w.now + delay
	if w.opt.Lanes > 0 {
		lane := [3]int{m.From.index, m.To.index, w.random.IntN(w.opt.Lanes)}
		at = max(at, t.lanes[lane])
		t.lanes[lane] = at
	}
	return at
}
