package mesh

import (
	"fmt"
	"strconv"
)

// Version is the protocol version that this code speaks. Every state and cloud
// message carries one; a node also understands the versions next to its own,
// so a mesh can be upgraded node by node.
const Version = 1

func checkVersion(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("malformed protocol version %q", s)
	}
	return acceptVersion(v)
}

func acceptVersion(v int) error {
	if v < max(1, Version-1) || v > Version+1 {
		return fmt.Errorf("protocol version %d; this node speaks %d", v, Version)
	}
	return nil
}
