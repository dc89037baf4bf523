package supervise

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// collected returns what is logged of an output: a line, what else is told of it.
func collected(t *testing.T, written io.Reader) (lines []string) {
	t.Helper()
	var log bytes.Buffer
	collect(iotest.OneByteReader(written), slog.New(slog.NewJSONHandler(&log, nil)))
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
		if got := strings.Join(collected(t, strings.NewReader(written)), "|"); got != want {
			t.Errorf("of %.40q is logged %.80q, want %.80q", written, got, want)
		}
	}
}

// aSecond has nothing to read, and takes that long to say so.
type aSecond struct{}

func (aSecond) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, io.EOF
}

// Of a flood some is logged, and how much is not, with the next line that is or at
// the end: nothing is unaccounted for.
func TestFloodIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, later = 20_000, 3 * lineRate
		lines := collected(t, io.MultiReader(strings.NewReader(strings.Repeat("x\n", n)), aSecond{}, strings.NewReader(strings.Repeat("y\n", later))))
		want := slices.Concat(
			slices.Repeat([]string{"x false 0"}, lineBurst),
			[]string{fmt.Sprint("y false ", n-lineBurst)}, slices.Repeat([]string{"y false 0"}, lineRate-1),
			[]string{fmt.Sprint(" false ", later-lineRate)})
		if !slices.Equal(lines, want) {
			t.Errorf("logged is %q", lines)
		}
	})
}
