package node

import "maps"

// answer sends what is in l.out to a client. If the node's own connection to its
// local server is lost it is kept: it is a peer's answer, for the most part, and
// clients wait on connections that live.
func (l *loop) answer() {
	err := l.plane.local.PublishMsg(&l.out)
	if err == nil {
		return
	}
	m := l.out
	m.Header = maps.Clone(m.Header) // an answer's belongs to whoever asks for it again
	if !l.unsent.put(&m) {
		l.complaints.add(l.now(), "cannot answer", "subject", clip(l.out.Subject), "error", err)
	}
}

// answerRest sends what was kept.
func (l *loop) answerRest() {
	for range len(l.unsent.msgs) {
		l.out = *l.unsent.take()
		l.answer()
	}
}
