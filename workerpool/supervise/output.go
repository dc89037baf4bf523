package supervise

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/time/rate"
)

// What of a process's output is logged: so many bytes of a line, and lines a
// second, after a burst.
const (
	maxLine   = 1024
	lineRate  = 20
	lineBurst = 200
)

// collect logs what one process writes, line by line, until its end. A line that
// is too long is cut; of lines that are too many it tells how many there were,
// with the next that is logged, at the end at the latest.
func collect(from io.Reader, log *slog.Logger) {
	lines := bufio.NewReaderSize(from, maxLine)
	limit := rate.NewLimiter(lineRate, lineBurst)
	silent := 0
	for {
		line, cut, err := nextLine(lines)
		switch {
		case line == "" && err != nil:
		case limit.Allow():
			var details []any
			if cut {
				details = append(details, "cut", true)
			}
			if silent > 0 {
				details = append(details, "not_logged", silent)
			}
			log.Info("a worker process says", append([]any{"line", line}, details...)...)
			silent = 0
		default:
			silent++
		}
		if err != nil {
			break
		}
	}
	if silent > 0 {
		log.Info("a worker process said more", "not_logged", silent)
	}
}

// nextLine reads a line, of which it returns maxLine bytes at most. The last one
// may have no end, and comes with the error that is its end.
func nextLine(from *bufio.Reader) (line string, cut bool, err error) {
	data, err := from.ReadSlice('\n')
	line = strings.TrimRight(string(data), "\r\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		cut = true
		_, err = from.ReadSlice('\n')
	}
	return strings.ToValidUTF8(line, "?"), cut, err
}
