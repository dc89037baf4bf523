package node

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// rights is what an existing NATS does not let the node do, of what it cannot do without:
// peers would wait for it in vain, or it for them. NATS says so once of a subscription,
// and of each message; that a right is there again it does not say. So the node signs in
// anew from time to time, and what is not refused for a while then is allowed.
type rights struct {
	name string // of the node

	mu      sync.Mutex
	refused map[string]bool // in words; whether since the last sign-in
	proofs  int             // how often the link has proved alive since that, or since the first refusal
}

const (
	// allowedAfter is how often the link has to prove alive after a sign-in until what was not
	// refused is taken for allowed: for two heartbeats.
	allowedAfter = int(2 * time.Second / pulseEvery)
	// signInAfter is when the node signs in anew. New credentials may be there to be read.
	signInAfter = int(3 * time.Second / pulseEvery)
)

// watch notes what is refused on a connection.
func (r *rights) watch() nats.Option {
	return func(o *nats.Options) error {
		others := o.AsyncErrorCB
		o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
			if !r.note(err) {
				others(nc, sub, err)
			}
		}
		return nil
	}
}

var violation = regexp.MustCompile(`Violation for (Subscription|Publish) to "([^"]+)"`)

// note reports whether an error is the refusal of something that the node needs. It does
// without news, and to whom a node may send is no affair of this one alone.
func (r *rights) note(err error) bool {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return false
	}
	found := violation.FindStringSubmatch(err.Error())
	if found == nil {
		return false
	}
	what, subject := hears, found[2]
	switch {
	case found[1] == "Publish":
		if what = "publish to "; subject != mesh.StateSubject(r.name) {
			return false
		}
	case mesh.IsNews(subject):
		return false
	case strings.HasPrefix(subject, nats.InboxPrefix):
		subject = nats.InboxPrefix + ">"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) == 0 {
		r.refused, r.proofs = make(map[string]bool), 0
	}
	r.refused[what+subject] = true
	return true
}

const hears = "subscribe to "

// missing returns what is refused, "" if nothing is.
func (r *rights) missing() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(r.refused)), ", ")
}

// deaf reports whether the node does not hear something that it needs to. Nobody is to
// hear of it then.
func (r *rights) deaf() bool { return strings.Contains(r.missing(), hears) }

// proved notes that the link has proved alive. It reports whether to sign in anew.
func (r *rights) proved() (signIn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proofs++; r.proofs == allowedAfter {
		maps.DeleteFunc(r.refused, func(_ string, again bool) bool { return !again })
	}
	if len(r.refused) == 0 || r.proofs < signInAfter {
		return false
	}
	for what := range r.refused {
		r.refused[what] = false
	}
	r.proofs = 0
	return true
}
