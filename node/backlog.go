package node

import "github.com/nats-io/nats.go"

// backlog is messages that wait, the oldest first, bounded in number and bytes.
type backlog struct {
	msgs  []*nats.Msg
	bytes int
}

const backlogMost, backlogBytes = 1 << 16, 64 << 20

// put adds a message; false if there is no room for it.
func (b *backlog) put(m *nats.Msg) bool {
	if len(b.msgs) >= backlogMost || b.bytes+weight(m) > backlogBytes {
		return false
	}
	b.msgs, b.bytes = append(b.msgs, m), b.bytes+weight(m)
	return true
}

// take removes the oldest; nil if there is none.
func (b *backlog) take() *nats.Msg {
	if len(b.msgs) == 0 {
		return nil
	}
	m := b.msgs[0]
	b.msgs[0] = nil
	if b.msgs, b.bytes = b.msgs[1:], b.bytes-weight(m); len(b.msgs) == 0 {
		b.msgs = nil
	}
	return m
}
