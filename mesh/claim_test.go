package mesh

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseIdentity(t *testing.T) {
	id, incarnation, err := ParseIdentity([]byte(`{"name":"DC1","incarnation":"10","uptime_ms":5,"future":1}`))
	if want := (Identity{Name: "DC1", Incarnation: "10", UptimeMS: 5}); id != want || incarnation != 36 || err != nil {
		t.Errorf("got %+v, %d, %v", id, incarnation, err)
	}
	for _, text := range []string{``, `{}`, `{"incarnation":"0"}`, `{"incarnation":"!"}`, `"DC1"`} {
		if _, _, err := ParseIdentity([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

// What one has told the other holds, also if by their clocks it is the younger one now:
// one of them may have stood still meanwhile.
func TestClaimHolds(t *testing.T) {
	c := Claim{Me: 1}
	if id := c.Identity("DC1", time.Second); id.Outlives != "" {
		t.Errorf("before it has met another it tells %+v", id)
	}
	if c.Yields(2*time.Second, Identity{UptimeMS: 2000}, 2) {
		t.Error("gives way to one that is no older")
	}
	if id, want := c.Identity("DC1", time.Second), (Identity{"DC1", "1", 1000, "2"}); id != want {
		t.Errorf("tells %+v, want %+v", id, want)
	}
	if c.Yields(2*time.Second, Identity{UptimeMS: 2001}, 2) {
		t.Error("gives way to one that was told to do so")
	}
	if !c.Yields(2*time.Second, Identity{UptimeMS: 2001}, 3) {
		t.Error("does not give way to a third one, that is older")
	}
	if c.Yields(2*time.Second, Identity{UptimeMS: 2001, Outlives: "1"}, 1) {
		t.Error("gives way to itself")
	}
}

// claimant is a node in the test below.
type claimant struct {
	Claim
	began time.Duration // by the one true clock
	gone  bool
}

// Two live nodes of one name ask each other over and over. However old they are, and
// whatever is late or lost, they never both give way; one does when the network is
// kind, and it is the younger one if it is that by more than the way.
func TestOneClaimIsLeft(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		few := func(most time.Duration) *rapid.Generator[time.Duration] {
			return rapid.Map(rapid.Int64Range(0, int64(most/time.Microsecond)), func(us int64) time.Duration { return time.Duration(us) * time.Microsecond })
		}
		way := rapid.OneOf(rapid.Just(time.Duration(0)), few(time.Millisecond), few(time.Second))
		nodes := [2]claimant{{Claim: Claim{Me: anyIncarnation.Draw(t, "one")}}, {}}
		nodes[1].Me = anyIncarnation.Filter(func(i Incarnation) bool { return i != nodes[0].Me }).Draw(t, "other")
		nodes[1].began = rapid.OneOf(few(2*time.Millisecond), few(3*time.Second)).Draw(t, "younger by")

		type event struct {
			at   time.Duration
			does func()
		}
		var events []event
		slowest := time.Duration(0)
		ask := func(at time.Duration, me, other *claimant, there, back time.Duration, lost bool) {
			slowest = max(slowest, back)
			events = append(events, event{at + there, func() {
				if me.gone || other.gone {
					return
				}
				id, answered := other.Identity("DC1", at+there-other.began), at+there+back
				events = append(events, event{answered, func() {
					if !me.gone && !lost && me.Yields(answered-me.began, id, other.Me) {
						me.gone = true
					}
				}})
			}})
		}
		at := nodes[1].began
		for range rapid.IntRange(0, 8).Draw(t, "questions") {
			i := rapid.IntRange(0, 1).Draw(t, "who")
			at += few(time.Second).Draw(t, "pause")
			ask(at, &nodes[i], &nodes[1-i], way.Draw(t, "there"), way.Draw(t, "back"), rapid.Bool().Draw(t, "lost"))
		}
		for range 2 { // kind from here on: each has two answers
			at += 3 * time.Second
			ask(at, &nodes[0], &nodes[1], 0, way.Draw(t, "back"), false)
			ask(at, &nodes[1], &nodes[0], 0, way.Draw(t, "back"), false)
		}
		for len(events) > 0 {
			slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
			next := events[0]
			events = events[1:]
			next.does()
		}
		switch {
		case nodes[0].gone && nodes[1].gone:
			t.Fatal("none is left")
		case !nodes[0].gone && !nodes[1].gone:
			t.Fatal("both go on")
		case nodes[0].gone && nodes[1].began > slowest+time.Millisecond: // uptimes are told in ms
			t.Fatalf("the older gave way, by %v; the slowest answer took %v", nodes[1].began, slowest)
		}
	})
}
