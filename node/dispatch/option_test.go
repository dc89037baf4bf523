package dispatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the words after the first of a script's line. Each is taken out
// as it is read, so that what is left over at the end is a mistake.
type options struct {
	words []string
	text  string // in double quotes
	err   error
}

func parseOptions(s string) *options {
	o := &options{}
	if words, quoted, ok := strings.Cut(s, `"`); ok {
		s = words
		o.text = strings.TrimSuffix(quoted, `"`)
	}
	o.words = strings.Fields(s)
	return o
}

// subject takes the first word, "" if there is none.
func (o *options) subject() string {
	if len(o.words) == 0 {
		return ""
	}
	first := o.words[0]
	o.words = o.words[1:]
	return first
}

func (o *options) quoted() string { return o.text }

func (o *options) flag(name string) bool {
	i := slices.Index(o.words, name)
	if i >= 0 {
		o.words = slices.Delete(o.words, i, i+1)
	}
	return i >= 0
}

func (o *options) has(key string) bool {
	return slices.ContainsFunc(o.words, func(w string) bool { return strings.HasPrefix(w, key+"=") })
}

func (o *options) word(key string) string {
	for i, w := range o.words {
		if value, ok := strings.CutPrefix(w, key+"="); ok {
			o.words = slices.Delete(o.words, i, i+1)
			return value
		}
	}
	return ""
}

func (o *options) number(key string) int {
	w := o.word(key)
	if w == "" {
		return 0
	}
	n, err := strconv.Atoi(w)
	o.note(err)
	return n
}

func (o *options) duration(key string) time.Duration {
	w := o.word(key)
	if w == "" {
		return 0
	}
	d, err := time.ParseDuration(w)
	o.note(err)
	return d
}

func (o *options) note(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *options) unused() error {
	if o.err == nil && len(o.words) > 0 {
		return fmt.Errorf("left over: %q", o.words)
	}
	return o.err
}
