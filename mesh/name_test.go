package mesh

import (
	"strings"
	"testing"
)

func TestCheckToken(t *testing.T) {
	for _, s := range []string{"a", "Z", "0", "_", "-", "DC1", "my-node_2", strings.Repeat("x", MaxToken)} {
		if err := CheckToken(s); err != nil {
			t.Errorf("CheckToken(%q): %v", s, err)
		}
	}
	for s, fault := range map[string]string{
		"":                              "empty; allowed: " + TokenRule,
		strings.Repeat("x", MaxToken+1): "65 characters long; allowed: " + TokenRule,
		"a.b":                           `"a.b" has '.' at position 1; allowed: ` + TokenRule,
		"a b":                           `"a b" has ' ' at position 1; allowed: ` + TokenRule,
		"*":                             `"*" has '*' at position 0; allowed: ` + TokenRule,
		">":                             `">" has '>' at position 0; allowed: ` + TokenRule,
		"a;":                            `"a;" has ';' at position 1; allowed: ` + TokenRule,
		"ab\n":                          `"ab\n" has '\n' at position 2; allowed: ` + TokenRule,
		"\x00":                          `"\x00" has '\x00' at position 0; allowed: ` + TokenRule,
	} {
		if err := CheckToken(s); err == nil || err.Error() != fault {
			t.Errorf("CheckToken(%q) = %v, want %s", s, err, fault)
		}
	}
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	for n := range 256 {
		s := string([]byte{byte(n)})
		if err := CheckToken(s); (err == nil) != strings.Contains(allowed, s) {
			t.Errorf("CheckToken(%q): %v", s, err)
		}
	}
	if CheckToken("é") == nil {
		t.Error("a letter that is not ASCII is accepted")
	}
}

func TestWorkerName(t *testing.T) {
	for _, c := range []struct {
		name string
		i, n int
		want string
	}{{"a", 0, 1, "a"}, {"a", 0, 2, "a-0"}, {"a", 9, 10, "a-9"}, {"", 1, 2, ""}} {
		if got := WorkerName(c.name, c.i, c.n); got != c.want {
			t.Errorf("number %d of %d workers called %q is %q, want %q", c.i, c.n, c.name, got, c.want)
		}
	}
}

func TestNameFromHost(t *testing.T) {
	for host, want := range map[string]string{
		"":                       "node",
		".local":                 "node",
		"alpha":                  "alpha",
		"alpha.example.org":      "alpha",
		"my host":                "my-host",
		"Büro.lan":               "B--ro", // one '-' a byte
		strings.Repeat("é", 100): strings.Repeat("-", MaxToken),
	} {
		got := NameFromHost(host)
		if got != want {
			t.Errorf("NameFromHost(%q) = %q, want %q", host, got, want)
		}
		if err := CheckToken(got); err != nil {
			t.Errorf("NameFromHost(%q): %v", host, err)
		}
	}
}
