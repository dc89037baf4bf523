package dispatch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// An episode of a history: for so many inputs some kinds of input are so many
// times as likely as else.
type episode struct {
	mood  string
	times int
	steps int
	seed  uint64
}

func (e episode) String() string {
	return fmt.Sprintf("%d inputs, %d times as much of %s, seed %d", e.steps, e.times, e.mood, e.seed)
}

// moods are the kinds of input, as driver.input counts them, that come together
// when something happens.
var moods = map[string][][2]int{
	"everything":  {{0, 100}},
	"requests":    {{0, 22}, {22, 36}},
	"answers":     {{36, 52}},
	"lost crowds": {{22, 36}, {52, 58}, {99, 100}},
	"peers":       {{58, 68}, {74, 92}},
	"guests":      {{22, 52}, {68, 74}},
	"partitions":  {{58, 64}, {74, 88}, {92, 100}},
	"time":        {{92, 99}},
	"clients":     {{0, 36}, {36, 52}, {88, 89}, {92, 99}},
}

var histories = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) episode {
	return episode{
		mood:  rapid.SampledFrom([]string{"everything", "requests", "answers", "lost crowds", "peers", "guests", "partitions", "time", "clients"}).Draw(t, "mood"),
		times: rapid.IntRange(1, 30).Draw(t, "times"),
		steps: rapid.IntRange(50, 300).Draw(t, "steps"),
		seed:  rapid.Uint64().Draw(t, "seed"),
	}
}), 20, 60)

// TestHistories holds cores against G1 to G7 after every input of long random
// histories: crowds that break off, peers that cannot be reached, partitions,
// workers and peers that are put aside, drains. The fuzzer looks for odd inputs,
// this for long ones that make sense. -rapid.checks is how many, 100 by default, and a
// fifth of that with -short, in which not everything need happen.
func TestHistories(t *testing.T) {
	var total Stats
	rapid.Check(t, func(t *rapid.T) {
		setting, history := rapid.Uint64().Draw(t, "setting"), histories.Draw(t, "history")
		d := playHistory(setting, history, false)
		if d.fault != "" {
			again := playHistory(setting, history, true)
			t.Fatalf("%s\n%s", again.fault, again.story())
		}
		s := d.core.Stats()
		total.PutAside, total.PeersAside = total.PutAside+s.PutAside, total.PeersAside+s.PeersAside
		total.DoneAway, total.Guests, total.Lost = total.DoneAway+s.DoneAway, total.Guests+s.Guests, total.Lost+s.Lost
		total.AnsweredAgain, total.Dropped = total.AnsweredAgain+s.AnsweredAgain, total.Dropped+s.Dropped
	})
	if !t.Failed() && !testing.Short() && (total.PutAside == 0 || total.DoneAway == 0 || total.Guests == 0 || total.Lost == 0 || total.AnsweredAgain == 0 || total.Dropped == 0) {
		t.Errorf("these histories are too kind: %+v", total)
	}
	t.Logf("%+v", total)
}

func playHistory(setting uint64, history []episode, record bool) *driver {
	bytes := tape(randomBytes(rand.New(rand.NewPCG(setting, 3)), 16))
	d := newDriver(&bytes)
	d.record = record
	for _, e := range history {
		random := rand.New(rand.NewPCG(e.seed, 4))
		for range e.steps {
			if d.fault != "" {
				return d
			}
			bytes = randomBytes(random, 16) // more than any input takes
			d.input(e.pick(random))
		}
	}
	bytes = nil
	d.finish()
	return d
}

// pick draws a kind of input.
func (e episode) pick(random *rand.Rand) int {
	if random.IntN(e.times) == 0 {
		return random.IntN(100)
	}
	parts := moods[e.mood]
	part := parts[random.IntN(len(parts))]
	return part[0] + random.IntN(part[1]-part[0])
}
