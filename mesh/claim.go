package mesh

import (
	"encoding/json"
	"fmt"
	"time"
)

// Identity is a node's answer to HeaderWho: who holds a name.
type Identity struct {
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
	UptimeMS    int64  `json:"uptime_ms"`
	Outlives    string `json:"outlives,omitempty"` // the incarnation that is to give the name up; "": none
}

// ParseIdentity reads an Identity and its incarnation.
func ParseIdentity(data []byte) (Identity, Incarnation, error) {
	var id Identity
	if err := json.Unmarshal(data, &id); err != nil {
		return Identity{}, 0, fmt.Errorf("not an identity: %w", err)
	}
	incarnation, err := ParseIncarnation(id.Incarnation)
	return id, incarnation, err
}

// Claim is what one of two live nodes of one name has to it. Uptimes cannot be compared
// by both: each sees that of the other older by the way, and of two nodes of about one
// age either may find itself the older. So one of them compares, the one with the lower
// incarnation, and the other is told. Whatever is lost or late, and however the clocks
// are, never both give up; one does as soon as both have had an answer.
type Claim struct {
	Me       Incarnation
	outlives Incarnation // what this one was decided about; 0: none yet
}

// Yields takes the answer of another live node of this one's name, which is up for so
// long, and reports whether this one has to give the name up.
func (c *Claim) Yields(uptime time.Duration, other Identity, them Incarnation) bool {
	switch {
	case them < c.Me:
		return other.Outlives == c.Me.String()
	case them == c.Me || them == c.outlives: // what was told holds
		return false
	case uptime.Milliseconds() < other.UptimeMS:
		return true
	}
	c.outlives = them
	return false
}

// Identity is what the node answers.
func (c *Claim) Identity(name string, uptime time.Duration) Identity {
	id := Identity{Name: name, Incarnation: c.Me.String(), UptimeMS: uptime.Milliseconds()}
	if c.outlives != 0 {
		id.Outlives = c.outlives.String()
	}
	return id
}
