package node

import (
	"maps"

	"github.com/nats-io/nats.go"
)

// unsent is answers to clients, and errors, that came while the node's own
// connection to its local server was lost: those of peers, for the most part. Their
// clients wait on connections that live.
type unsent struct {
	answers []*nats.Msg
	bytes   int
}

// What is kept until the connection is back.
const unsentMost, unsentBytes = 1 << 16, 64 << 20

// answer sends what is in l.out to a client, or keeps it.
func (l *loop) answer() {
	err := l.plane.local.PublishMsg(&l.out)
	if err == nil {
		return
	}
	u, size := &l.unsent, l.out.Size()
	if len(u.answers) == unsentMost || u.bytes+size > unsentBytes {
		l.complaints.add(l.now(), "cannot answer", "subject", clip(l.out.Subject), "error", err)
		return
	}
	m := l.out
	m.Header = maps.Clone(m.Header) // an answer's belongs to whoever asks for it again
	u.answers, u.bytes = append(u.answers, &m), u.bytes+size
}

// answerRest sends what was kept.
func (l *loop) answerRest() {
	rest := l.unsent.answers
	l.unsent = unsent{}
	for _, m := range rest {
		l.out = *m
		l.answer()
	}
}
