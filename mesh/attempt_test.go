package mesh

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	anyAttempt = rapid.Custom(func(t *rapid.T) Attempt {
		return Attempt{
			Incarnation: Incarnation(rapid.Uint64().Draw(t, "incarnation")),
			Slot:        rapid.Uint32().Draw(t, "slot"),
			Generation:  rapid.Uint32().Draw(t, "generation"),
			Random:      rapid.Uint64().Draw(t, "random"),
		}
	})
	anyIncarnation = rapid.Map(rapid.Uint64Min(1), func(n uint64) Incarnation { return Incarnation(n) })
	anyToken       = rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
	anyService     = rapid.OneOf(rapid.Just(""), anyToken)
)

func TestAttemptText(t *testing.T) {
	a := Attempt{Incarnation: 1, Slot: 2, Generation: 3, Random: 0xffff_ffff_ffff_ffff}
	const text = "AAAAAAAAAAEAAAACAAAAA___________"
	if got := a.String(); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
	if got, err := ParseAttempt(text); got != a || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAttemptRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyAttempt.Draw(t, "attempt")
		text := a.String()
		if err := CheckToken(text); err != nil || len(text) != 32 {
			t.Fatalf("%q is no token of 32 characters: %v", text, err)
		}
		if got, err := ParseAttempt(text); got != a || err != nil {
			t.Fatalf("%s is read as %+v, %v", text, got, err)
		}
	})
}

func TestParseAttemptMalformed(t *testing.T) {
	zeros := strings.Repeat("A", 32)
	for _, s := range []string{
		"", "A", zeros[1:], zeros + "A", zeros[1:] + "=", zeros[1:] + "+", zeros[1:] + "/", zeros[1:] + ".", zeros[1:] + " ",
		zeros[4:] + "\n\n\n\n", "\r\n\r\n" + zeros[4:], // a decoder that skips these would read 21 bytes
	} {
		if a, err := ParseAttempt(s); err == nil {
			t.Errorf("ParseAttempt(%q) = %+v", s, a)
		}
	}
}

// What people paste into a command is no flag.
func TestNewIncarnation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := NewIncarnation(rapid.Uint64().Draw(t, "random"))
		text := Attempt{Incarnation: i}.String()
		if first := text[0] &^ 0x20; i == 0 || first < 'A' || first > 'Z' {
			t.Fatalf("incarnation %d, attempt %s", i, text)
		}
	})
}

func TestIncarnation(t *testing.T) {
	for i, text := range map[Incarnation]string{1: "1", 35: "z", 36: "10", 1<<64 - 1: "3w5e11264sgsf"} {
		if got := i.String(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		if got, err := ParseIncarnation(text); got != i || err != nil {
			t.Errorf("ParseIncarnation(%s) = %d, %v", text, got, err)
		}
	}
	for _, s := range []string{"", "0", "-1", "+1", "1_0", " 1", "3w5e11264sgsg", "é"} {
		if i, err := ParseIncarnation(s); err == nil {
			t.Errorf("ParseIncarnation(%q) = %d", s, i)
		}
	}
}
