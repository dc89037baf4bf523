package mesh

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func exampleCapacity() Capacity {
	return Capacity{Node: "DC2", Incarnation: 36, Sequence: 7, Service: "gpu", Workers: 5, Idle: 2, Waiting: 9, Excess: 4,
		ServiceTime: 1500 * time.Microsecond, Spare: 12.5, Demand: 3, Received: 17}
}

func TestCapacityText(t *testing.T) {
	c := exampleCapacity()
	const want = "1;DC2;10;7;gpu;5;2;9;4;1500;12.50;3.00;17"
	if got := string(c.AppendText([]byte(">"))); got != ">"+want {
		t.Errorf("got %s, want >%s", got, want)
	}
	c.Service = ""
	if got := string(c.AppendText(nil)); got != "1;DC2;10;7;;5;2;9;4;1500;12.50;3.00;17" {
		t.Errorf("the default service: %s", got)
	}
}

func TestCapacityRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Capacity{
			Node: anyToken.Draw(t, "node"), Incarnation: anyIncarnation.Draw(t, "incarnation"), Sequence: rapid.Uint64().Draw(t, "sequence"),
			Service: anyService.Draw(t, "service"), Workers: rapid.IntRange(0, maxCount).Draw(t, "workers"), Waiting: rapid.IntRange(0, maxCount).Draw(t, "waiting"),
		}
		c.Idle, c.Excess = rapid.IntRange(0, c.Workers).Draw(t, "idle"), rapid.IntRange(0, c.Waiting).Draw(t, "excess")
		c.ServiceTime = time.Duration(rapid.Int64Range(0, MaxTimeout.Microseconds()).Draw(t, "service time")) * time.Microsecond
		hundredths := rapid.Map(rapid.IntRange(0, 100*maxCount), func(n int) float64 { return float64(n) / 100 })
		c.Spare, c.Demand = hundredths.Draw(t, "spare"), hundredths.Draw(t, "demand")
		c.Received = rapid.Uint64().Draw(t, "received")
		if got, err := ParseCapacity(string(c.AppendText(nil))); got != c || err != nil {
			t.Fatalf("got %+v, %v, want %+v", got, err, c)
		}
	})
}

func TestParseCapacityVersions(t *testing.T) {
	c := exampleCapacity()
	_, rest, _ := strings.Cut(string(c.AppendText(nil)), ";")
	for version, ok := range map[string]bool{
		fmt.Sprint(Version): true, fmt.Sprint(Version + 1): true, fmt.Sprint(Version + 2): false, fmt.Sprint(Version - 2): false, "0": false, "": false,
	} {
		for _, more := range []string{"", ";future", ";;"} {
			got, err := ParseCapacity(version + ";" + rest + more)
			if (err == nil) != ok || ok && got != c {
				t.Errorf("version %q with %q more: %+v, %v", version, more, got, err)
			}
		}
	}
}

func TestParseCapacityMalformed(t *testing.T) {
	good := strings.Split(string(exampleCapacity().AppendText(nil)), ";")
	for field, values := range map[int][]string{
		1:  {"", "D.C", "*"},
		2:  {"", "0", "-1"},
		3:  {"", "-1", "18446744073709551616"},
		4:  {"a.b", " "},
		5:  {"", "-1", "1", "1073741825"}, // 1: fewer than are idle
		6:  {"", "-1", "6"},               // 6: more than there are
		7:  {"", "-1", "1073741825", "3"}, // 3: fewer than are in excess
		8:  {"", "-1", "10"},
		9:  {"", "-1", "2592000000001"},
		10: {"", "-1", "NaN", "Inf", "1073741825"},
		11: {"", "-1", "NaN", "1e30"},
		12: {"", "-1", "18446744073709551616"},
	} {
		for _, value := range values {
			f := append([]string(nil), good...)
			f[field] = value
			if c, err := ParseCapacity(strings.Join(f, ";")); err == nil {
				t.Errorf("field %d as %q gives %+v", field, value, c)
			}
		}
	}
	for n := range good {
		if c, err := ParseCapacity(strings.Join(good[:n], ";")); err == nil {
			t.Errorf("%d fields give %+v", n, c)
		}
	}
}

func FuzzParseCapacity(f *testing.F) {
	f.Add(string(exampleCapacity().AppendText(nil)))
	f.Add("2;a;1;0;;0;0;0;0;0;0;0;0;more")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCapacity(s)
		if err != nil {
			return
		}
		if got, err := ParseCapacity(string(c.AppendText(nil))); got != c || err != nil {
			t.Errorf("%q is %+v, and then %+v, %v", s, c, got, err)
		}
	})
}
