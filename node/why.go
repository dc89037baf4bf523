package node

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// maxTold bounds how many decisions are told at once: the newest.
const maxTold = 256

// whyEvery is how often all of them may be told, after a few times at once: it takes a
// millisecond or two, in which nothing else goes on, and a question takes a few bytes.
const whyEvery, whyBurst = 50 * time.Millisecond, 20

// onWhy answers a question where a task went, and why: the one of the attempt
// that is the payload, or, without, the last ones.
func (l *loop) onWhy(m *nats.Msg) {
	if m.Reply == "" {
		return
	}
	var attempt mesh.Attempt
	if len(m.Data) > 0 {
		var err error
		if attempt, err = mesh.ParseAttempt(string(m.Data)); err != nil {
			l.refuse(m, mesh.CodeBadRequest, err.Error())
			return
		}
	} else if !l.whys.Allow() {
		l.refuse(m, mesh.CodeQueueFull, "asked too often; a question about one attempt is answered at any time")
		return
	}
	told := l.core.Decisions(l.began, attempt)
	told = told[max(0, len(told)-maxTold):]
	data, err := json.Marshal(mesh.Decisions{Node: l.cfg.Name, Decisions: told})
	if err != nil {
		l.refuse(m, mesh.CodeFailed, err.Error())
		return
	}
	l.publish(&nats.Msg{Subject: m.Reply, Data: data})
}
