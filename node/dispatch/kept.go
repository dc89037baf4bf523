package dispatch

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// kept is what guests were answered here of late. An origin that asks about one of
// them has not got the answer, and gets it once more; else the task would run
// again. It is a ring, bounded in number, bytes and time; the oldest go first.
// Every guest comes in here and few are asked for, so there is no index.
type kept struct {
	ring  []keptAnswer // the answer of a number is at number modulo length
	first uint64       // number of the oldest
	next  uint64       // number of the one to come
	bytes int
}

const (
	keptTime  = 5 * time.Second // an origin asks after 1 to 2 s; two questions may be lost
	keptMost  = 1 << 15
	keptBytes = 32 << 20
)

// keptAnswer is one Reply to a guest.
type keptAnswer struct {
	origin              mesh.Attempt
	task, answer        any
	attempt             mesh.Attempt
	to, worker, service string
	size                int
	until               time.Duration
}

func (k *keptAnswer) reply() Effect {
	return Effect{Do: Reply, Guest: true, Task: k.task, Answer: k.answer, Attempt: k.attempt, To: k.to, Worker: k.worker, Service: k.service}
}

func (k *kept) n() int { return int(k.next - k.first) }

func (k *kept) at(number uint64) *keptAnswer { return &k.ring[number%uint64(len(k.ring))] }

// again appends the answers to those of the attempts that are kept, oldest first,
// and returns the attempts that are not.
func (k *kept) again(attempts []mesh.Attempt, fx []Effect) (missing []mesh.Attempt, _ []Effect) {
	if len(attempts) == 0 || k.n() == 0 {
		return attempts, fx
	}
	asked := make(map[mesh.Attempt]bool, len(attempts)) // true: found
	for _, a := range attempts {
		asked[a] = false
	}
	for number := k.first; number < k.next; number++ {
		one := k.at(number)
		if _, ok := asked[one.origin]; ok {
			asked[one.origin] = true
			fx = append(fx, one.reply())
		}
	}
	return slices.DeleteFunc(attempts, func(a mesh.Attempt) bool { return asked[a] }), fx
}

func (k *kept) add(a keptAnswer) {
	if k.n() == len(k.ring) {
		larger := make([]keptAnswer, max(64, 2*len(k.ring)))
		for number := k.first; number < k.next; number++ {
			larger[number%uint64(len(larger))] = *k.at(number)
		}
		k.ring = larger
	}
	*k.at(k.next) = a
	k.bytes += a.size
	k.next++
}

// purge forgets what was kept for long enough, or is too much.
func (k *kept) purge(now time.Duration) {
	for k.n() > 0 && (k.at(k.first).until <= now || k.n() > keptMost || k.bytes > keptBytes) {
		oldest := k.at(k.first)
		k.bytes -= oldest.size
		*oldest = keptAnswer{}
		k.first++
	}
}

// renew keeps all for the whole time again: nobody could ask, for a while.
func (k *kept) renew(now time.Duration) {
	for number := k.first; number < k.next; number++ {
		k.at(number).until = now + keptTime
	}
}

// keep notes the answer of a guest, of so many bytes.
func (c *Core) keep(now time.Duration, origin mesh.Attempt, e Effect, size int) {
	c.kept.add(keptAnswer{
		origin: origin, task: e.Task, answer: e.Answer, attempt: e.Attempt, to: e.To, worker: e.Worker, service: e.Service,
		size: size + keptOverhead, until: now + keptTime,
	})
	c.purgeKept(now)
}

// purgeKept is kept.purge, which time does not do while nobody can ask.
func (c *Core) purgeKept(now time.Duration) {
	if c.alone {
		now = 0
	}
	c.kept.purge(now)
}

// keptOverhead is what keeping one answer costs beside its bytes, about.
const keptOverhead = 512
