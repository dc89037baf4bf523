package mesh

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxToken is the longest name of a node or service, in bytes. Names become
// tokens of NATS subjects and travel in every state message.
const MaxToken = 64

// TokenRule says what CheckToken accepts, for error messages.
const TokenRule = "1 to 64 characters of A-Z a-z 0-9 _ -"

// CheckToken returns an error unless s can stand as one token of a NATS
// subject under the stricter rule of this project, TokenRule.
func CheckToken(s string) error {
	if s == "" {
		return fmt.Errorf("empty; allowed: %s", TokenRule)
	}
	if len(s) > MaxToken {
		return fmt.Errorf("%d characters long; allowed: %s", len(s), TokenRule)
	}
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return fmt.Errorf("%q has %q at position %d; allowed: %s", s, s[i], i, TokenRule)
		}
	}
	return nil
}

func tokenByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '-'
}

// WorkerName returns the name of number i of n workers that are given one name, or none:
// of several, name-0 is the first.
func WorkerName(name string, i, n int) string {
	if name == "" || n == 1 {
		return name
	}
	return name + "-" + strconv.Itoa(i)
}

// NameFromHost makes a node's default name from a host's name: its first
// label, with every byte that no token may hold replaced by '-'. An empty host
// gives "node".
func NameFromHost(host string) string {
	label, _, _ := strings.Cut(host, ".")
	if len(label) > MaxToken {
		label = label[:MaxToken]
	}
	name := []byte(label)
	for i, b := range name {
		if !tokenByte(b) {
			name[i] = '-'
		}
	}
	if len(name) == 0 {
		return "node"
	}
	return string(name)
}
