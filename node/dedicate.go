package node

import "os"

// ballast is memory that nobody touches, so it takes none of the machine's; see
// Dedicate.
var ballast []byte

const ballastBytes = 64 << 20

// Dedicate sets up the garbage collector of a process that is a node and nothing
// else, unless GOGC or GOMEMLIMIT in the environment say how it shall be. A node
// has a heap of a few MiB and makes much garbage, so that collections, each time
// the heap has doubled, follow one another. With 64 MiB that count but are not
// there the process takes up to as much more memory, and the collector a
// fraction of the time.
func Dedicate() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" && ballast == nil {
		ballast = make([]byte, ballastBytes)
	}
}
