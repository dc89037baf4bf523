package mesh

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseCode(t *testing.T) {
	for text, want := range map[string]Code{
		"": 0, "404": CodeNoService, "9000": 9000, "0": CodeFailed, "-1": CodeFailed, "4.0": CodeFailed, "none": CodeFailed,
	} {
		if got := ParseCode(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	if got := ParseCode(ErrorHeader(CodeDeadline, "late")[HeaderErrorCode][0]); got != CodeDeadline {
		t.Errorf("what is written as %d is read as %d", CodeDeadline, got)
	}
}

func TestParseTimeout(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1.5s":  1500 * time.Millisecond,
		"250ms": 250 * time.Millisecond,
		"30":    30 * time.Second,
		"0.25":  250 * time.Millisecond,
		"720h":  MaxTimeout,
		"1ns":   1,
		"1h30m": 90 * time.Minute,
	} {
		if got, err := ParseTimeout(s); got != want || err != nil {
			t.Errorf("ParseTimeout(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", " ", "soon", "0", "0s", "-1", "-1s", "1e-12", "NaN", "Inf", "-Inf", "1e300", "720h1ns", "2592001", "9999999h", "1 s", "1s;",
	} {
		if got, err := ParseTimeout(s); err == nil {
			t.Errorf("ParseTimeout(%q) = %v", s, got)
		}
	}
}

func TestFormatTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Millisecond: "1.500s", 90 * time.Second: "90.000s", 4999600 * time.Microsecond: "5.000s",
		time.Millisecond: "0.001s", 1: "0.001s", 0: "0.001s", -time.Second: "0.001s", MaxTimeout: "2592000.000s",
	} {
		if got := FormatTimeout(d); got != want {
			t.Errorf("%v is written as %s, want %s", d, got, want)
		}
	}
}

func exampleDelegation() Delegation {
	return Delegation{
		Origin: "DC1", Incarnation: 36, Attempt: Attempt{}, Service: "gpu",
		Age: 1500 * time.Millisecond, Left: 3 * time.Second, Losses: 2, Number: 17, Patience: 2500 * time.Microsecond,
	}
}

func TestDelegationText(t *testing.T) {
	d := exampleDelegation()
	zeros := d.Attempt.String()
	for _, c := range []struct {
		change func(*Delegation)
		want   string
	}{
		{func(d *Delegation) {}, "1;DC1;10;" + zeros + ";gpu;1500000;3000;2;17;2500"},
		{func(d *Delegation) { d.Service = "" }, "1;DC1;10;" + zeros + ";;1500000;3000;2;17;2500"},
		{func(d *Delegation) { d.Left = 0 }, "1;DC1;10;" + zeros + ";gpu;1500000;0;2;17;2500"},
		// Almost nothing left is still a deadline, 0 would be none.
		{func(d *Delegation) { d.Left = time.Microsecond }, "1;DC1;10;" + zeros + ";gpu;1500000;1;2;17;2500"},
		{func(d *Delegation) { d.Age = 999 }, "1;DC1;10;" + zeros + ";gpu;0;3000;2;17;2500"},
		// As long as the peer takes in, be it for ever at the origin.
		{func(d *Delegation) { d.Patience = 2 * MaxTimeout }, "1;DC1;10;" + zeros + ";gpu;1500000;3000;2;17;2592000000000"},
	} {
		d := exampleDelegation()
		c.change(&d)
		if got := string(d.AppendText([]byte(">"))); got != ">"+c.want {
			t.Errorf("got %s, want >%s", got, c.want)
		}
	}
}

func TestDelegationRoundTrip(t *testing.T) {
	times := func(unit time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.Int64Range(0, int64(MaxTimeout/unit)), func(n int64) time.Duration { return time.Duration(n) * unit })
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Delegation{
			Origin: anyToken.Draw(t, "origin"), Incarnation: anyIncarnation.Draw(t, "incarnation"), Attempt: anyAttempt.Draw(t, "attempt"),
			Service: anyService.Draw(t, "service"), Age: times(time.Microsecond).Draw(t, "age"), Left: times(time.Millisecond).Draw(t, "left"), Losses: rapid.IntMin(0).Draw(t, "losses"),
			Number: rapid.Uint64().Draw(t, "number"), Patience: times(time.Microsecond).Draw(t, "patience"),
		}
		if got, err := ParseDelegation(string(d.AppendText(nil))); got != d || err != nil {
			t.Fatalf("got %+v, %v, want %+v", got, err, d)
		}
	})
}

func TestParseDelegationVersions(t *testing.T) {
	d := exampleDelegation()
	_, rest, _ := strings.Cut(string(d.AppendText(nil)), ";")
	for version, ok := range map[string]bool{
		fmt.Sprint(Version): true, fmt.Sprint(Version + 1): true, fmt.Sprint(Version + 2): false, fmt.Sprint(Version - 2): false,
		"0": false, "": false, "x": false, "1.0": false,
	} {
		for _, more := range []string{"", ";future", ";future;fields;"} {
			got, err := ParseDelegation(version + ";" + rest + more)
			if (err == nil) != ok || ok && got != d {
				t.Errorf("version %q with %q more: %+v, %v", version, more, got, err)
			}
		}
	}
}

func TestParseDelegationMalformed(t *testing.T) {
	good := strings.Split(string(exampleDelegation().AppendText(nil)), ";")
	for field, values := range map[int][]string{
		1: {"", "D.C", "*", strings.Repeat("x", 65)},
		2: {"", "0", "-1", "3w5e11264sgsg"},
		3: {"", "AAAA", good[3] + "A"},
		4: {"a.b", " ", ">"},
		5: {"", "-1", "1.5", "2592000000001", "99999999999999999999"},
		6: {"", "-1", "x", "2592000001"},
		7: {"", "-1", "x", "99999999999999999999"},
		8: {"", "-1", "18446744073709551616"},
		9: {"", "-1", "2592000000001"},
	} {
		for _, value := range values {
			f := append([]string(nil), good...)
			f[field] = value
			if d, err := ParseDelegation(strings.Join(f, ";")); err == nil {
				t.Errorf("field %d as %q gives %+v", field, value, d)
			}
		}
	}
	for n := range good {
		if d, err := ParseDelegation(strings.Join(good[:n], ";")); err == nil {
			t.Errorf("%d fields give %+v", n, d)
		}
	}
}

func FuzzParseDelegation(f *testing.F) {
	f.Add(string(exampleDelegation().AppendText(nil)))
	f.Add("2;a;1;AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;;0;0;0;0;0;more")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDelegation(s)
		if err != nil {
			return
		}
		if got, err := ParseDelegation(string(d.AppendText(nil))); got != d || err != nil {
			t.Errorf("%q is %+v, and then %+v, %v", s, d, got, err)
		}
	})
}
