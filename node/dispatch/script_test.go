package dispatch

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

var update = flag.Bool("update", false, "rewrite the effects in testdata/*.txt")

// TestScripts plays each story in testdata. A line in the first column is an
// input, and the indented lines under it are the effects it has; lines that
// start with # tell the story. See input_test.go for the inputs.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(want)
			if err != nil {
				t.Fatalf("%s:%v", file, err)
			}
			switch {
			case bytes.Equal(got, want):
			case *update:
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: the effects differ (- as told, + as they are; -update accepts them):\n%s", file, diff(string(want), string(got)))
			}
		})
	}
}

// script plays one file.
type script struct {
	core *Core
	cfg  Config
	now  time.Duration
	out  bytes.Buffer

	dispatched map[string]mesh.Attempt // newest by inbox, and each as printed
	delegated  map[string]mesh.Attempt // newest by task, and each as printed
	guests     map[string]mesh.Attempt // by task
	gone       map[string]bool         // tasks whose clients are not there
	sequences  map[mesh.Incarnation]uint64
}

// play runs a script and returns it with the effects as they are. Errors start
// with the line's number.
func play(text []byte) ([]byte, error) {
	s := &script{
		cfg:        DefaultConfig(),
		dispatched: make(map[string]mesh.Attempt),
		delegated:  make(map[string]mesh.Attempt),
		guests:     make(map[string]mesh.Attempt),
		gone:       make(map[string]bool),
		sequences:  make(map[mesh.Incarnation]uint64),
	}
	s.cfg.Name, s.cfg.Incarnation, s.cfg.AnnounceInterval = "DC1", 1, 20*time.Millisecond
	s.cfg.Size = func(message any) int { return 10 * len(message.(string)) }
	s.cfg.Inspect = func(answer any) (size int, code mesh.Code) {
		if strings.HasPrefix(answer.(string), "error") {
			code = mesh.CodeFailed
		}
		return len(answer.(string)), code
	}
	s.cfg.Present = func(message any) bool { return !s.gone[message.(string)] }
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, "    ") {
			continue // an effect, as it was
		}
		fmt.Fprintln(&s.out, line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.input(line); err != nil {
			return nil, fmt.Errorf("%d: %s: %w", n, line, err)
		}
		if s.core != nil {
			if err := check(s.core); err != nil {
				return nil, fmt.Errorf("%d: after %s: %w", n, line, err)
			}
		}
	}
	return s.out.Bytes(), lines.Err()
}

// diff shows the lines in which two texts differ, with the two before.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out, same []string
	show := func(mark, line string) {
		out = append(append(out, same[max(0, len(same)-2):]...), mark+line)
		same = nil
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			same = append(same, fmt.Sprintf("%4d   %s", i+1, a[i]))
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			show(fmt.Sprintf("%4d - ", i+1), a[i])
			i++
		default:
			show("     + ", b[j])
			j++
		}
	}
	return strings.Join(out, "\n")
}
