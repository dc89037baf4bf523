package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"
)

// FuzzCore reads its bytes as inputs to a core (see driver_test.go), and after
// each one holds the core against the guarantees of this package: from inside
// (check_test.go) and from what its effects say (model_test.go).
func FuzzCore(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("requests, workers, peers and guests in the order of these letters"))
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(randomBytes(random, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) { drive(t, data[:min(len(data), 4096)]) })
}

// TestRandomInputs drives cores with random bytes, without the fuzzer's help.
func TestRandomInputs(t *testing.T) {
	runs := 3000
	if testing.Short() {
		runs = 300
	}
	random := rand.New(rand.NewPCG(2, 2))
	for range runs {
		drive(t, randomBytes(random, 20+random.IntN(600)))
	}
}

func randomBytes(random *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// tape gives out bytes one after the other, and 0 when there are no more.
type tape []byte

func (t *tape) next() byte {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return b
}

// below returns a number from 0 to n-1.
func (t *tape) below(n int) int { return int(t.next()) % n }

// drive plays the bytes to a core and then brings it to its end. If something
// is wrong, it plays them once more, to tell the story.
func drive(t *testing.T, data []byte) {
	t.Helper()
	if playTape(data, false).fault == "" {
		return
	}
	d := playTape(data, true)
	t.Fatalf("%s\n%s", d.fault, d.story())
}

func playTape(data []byte, record bool) *driver {
	t := tape(data)
	d := newDriver(&t)
	d.record = record
	for len(t) > 0 && d.fault == "" {
		d.step()
	}
	if d.fault == "" {
		d.finish()
	}
	return d
}

// finish demands that every request and every guest comes to an end (G2): by
// time alone once the workers are gone, or by closing the node.
func (d *driver) finish() {
	if d.alone {
		d.cloud(true)
	}
	if d.ending == byClose {
		d.drain()
		d.close()
	} else {
		// Twice: the first time a worker may be back on another connection.
		for client := range uint64(2 * clients) {
			d.disconnect(client % clients)
		}
		// Whatever is away comes back when its peer expires, and may then go
		// to one that expires a little later; then it waits for the timeout.
		for range 10_000 {
			if d.core.Drained() || d.fault != "" {
				break
			}
			d.now = max(d.now, d.core.Wake())
			d.tick()
		}
	}
	if d.fault != "" {
		return
	}
	for _, j := range d.model.jobs {
		if j.ends != 1 {
			d.failf("%v ended %d times", j, j.ends)
		}
	}
	if stats := d.core.Stats(); stats.Requests != stats.Answered+stats.Refused+stats.Dropped || stats.Guests < stats.GuestsDone {
		d.failf("the counts do not add up: %+v", stats)
	}
	if !d.core.Drained() || len(d.core.guests) > 0 || d.core.waiting > 0 || d.core.away > 0 || len(d.core.due) > 0 {
		d.failf("something is left at the end")
	}
}

// ending is how a run ends.
type ending bool

const (
	byTime  ending = false
	byClose ending = true
)

// clients is how many connections there are.
const clients = 4

// longStep is the most that time goes forward at once, save to the next wake.
const longStep = 1500 * time.Millisecond
