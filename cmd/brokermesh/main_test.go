package main

import (
	"regexp"
	"strings"
	"testing"
)

// An argument too many is called that, and not told: it may hold a password.
func TestNoArguments(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"watch": "brokermesh: watch takes no arguments; the address goes to -s\n",
		"node":  "brokermesh: node takes no arguments; it is configured by variables, see --help\n",
		"demo":  "brokermesh: demo takes no arguments\n",
		"sim":   "brokermesh: sim takes no arguments\n",
	} {
		if status, _, errs := brokermesh(t, command, "nats://me:secret@host"); status != exitConfig || errs != want {
			t.Errorf("%s: exit status %d: %s", command, status, errs)
		}
	}
	if status, _, errs := brokermesh(t, "wach"); status != exitConfig || !strings.Contains(errs, `unknown command "wach"`) {
		t.Errorf("exit status %d: %s", status, errs)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if status, out, errs := brokermesh(t, "--version"); status != 0 || !regexp.MustCompile(`^brokermesh version \S+\n$`).MatchString(out) {
		t.Errorf("exit status %d: %s%s", status, out, errs)
	}
}
