package node

import "github.com/nats-io/nats.go"

// A header weighs more in memory than on the wire, where five bytes are enough for one.
const (
	nameWeight  = 90 // of its name, in the map that it is one of
	valueWeight = 30 // of each of its values
)

// weight is about how many bytes a message keeps from others while it is kept.
func weight(m *nats.Msg) int {
	w := m.Size()
	for _, values := range m.Header {
		w += nameWeight + valueWeight*len(values)
	}
	return w
}
