package supervise

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
)

// collected returns what is logged of an output: a line, what else is told of it.
func collected(t *testing.T, written string) (lines []string) {
	t.Helper()
	var log bytes.Buffer
	collect(iotest.OneByteReader(strings.NewReader(written)), slog.New(slog.NewJSONHandler(&log, nil)))
	for entry := range strings.Lines(log.String()) {
		var e struct {
			Msg, Line string
			Cut       bool
			Missing   int `json:"not_logged"`
		}
		if err := json.Unmarshal([]byte(entry), &e); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(e.Line, " ", e.Cut, " ", e.Missing))
	}
	return lines
}

func TestOutputIsLoggedByLine(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for written, want := range map[string]string{
		"":                            "",
		"a":                           "a false 0",
		"a\n":                         "a false 0",
		"a\r\n\nb c":                  "a false 0| false 0|b c false 0",
		"\xffx\n":                     "?x false 0",
		long[:maxLine-1] + "\nb\n":    long[:maxLine-1] + " false 0|b false 0",
		long[:maxLine] + "\nb\n":      long[:maxLine] + " true 0|b false 0",
		long + "\nb\n":                long[:maxLine] + " true 0|b false 0",
		long:                          long[:maxLine] + " true 0",
		"\x1b[31m" + "red\x00" + "\n": "\x1b[31mred\x00 false 0",
	} {
		if got := strings.Join(collected(t, written), "|"); got != want {
			t.Errorf("of %.40q is logged %.80q, want %.80q", written, got, want)
		}
	}
}

// Of a flood some is logged, and how much is not: nothing is unaccounted for.
func TestFloodIsCounted(t *testing.T) {
	const n = 20_000
	lines := collected(t, strings.Repeat("x\n", n))
	logged, missing := 0, 0
	for _, line := range lines {
		var m int
		if strings.HasPrefix(line, "x ") {
			logged++
		}
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &m); err != nil {
			t.Fatal(err)
		}
		missing += m
	}
	if logged < lineBurst || missing == 0 || logged+missing != n {
		t.Errorf("%d lines: %d logged, %d told of", n, logged, missing)
	}
}
