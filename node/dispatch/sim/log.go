package sim

import (
	"fmt"
	"hash"
	"hash/fnv"
	"strings"
)

// log keeps the last lines of what happened and a hash of all of them.
type log struct {
	keep  int
	lines []string // a ring when full
	next  int
	hash  hash.Hash64
}

func newLog(keep int) log { return log{keep: keep, hash: fnv.New64a()} }

// note writes a line to the log, if there is one.
func (w *World) note(format string, args ...any) {
	l := &w.log
	if l.keep == 0 {
		return
	}
	line := fmt.Sprintf("%12.6f  ", w.now.Seconds()) + fmt.Sprintf(format, args...)
	l.hash.Write([]byte(line))
	if len(l.lines) < l.keep {
		l.lines = append(l.lines, line)
		return
	}
	l.lines[l.next] = line
	l.next = (l.next + 1) % l.keep
}

// Hash returns a hash of the whole log so far.
func (w *World) Hash() uint64 { return w.log.hash.Sum64() }

// Log returns the last lines of the log.
func (w *World) Log() string {
	l := &w.log
	return strings.Join(l.lines[l.next:], "\n") + "\n" + strings.Join(l.lines[:l.next], "\n")
}
