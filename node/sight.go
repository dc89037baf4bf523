package node

import (
	"maps"
	"slices"

	"github.com/brokermesh/brokermesh/mesh"
)

// sight is which peers were there at the last look, to tell people who comes and
// goes.
type sight map[string]mesh.Incarnation

// toldMost is how many names a line of the log has; a large mesh may come at once.
const toldMost = 20

// look tells what has changed since the last one.
func (s sight) look(peers []mesh.PeerView, tell func(what string, details ...any)) {
	var came, restarted, gone []string
	now := make(sight, len(peers))
	for _, p := range peers {
		now[p.Name] = p.Incarnation
		switch before, known := s[p.Name]; {
		case !known:
			came = append(came, p.Name)
		case before != p.Incarnation:
			restarted = append(restarted, p.Name)
		}
	}
	for name := range s {
		if _, there := now[name]; !there {
			gone = append(gone, name)
		}
	}
	clear(s)
	maps.Copy(s, now)
	for _, c := range []struct {
		what  string
		names []string
	}{{"peers appeared", came}, {"peers restarted", restarted}, {"peers are gone", gone}} {
		if len(c.names) > 0 {
			slices.Sort(c.names)
			tell(c.what, "peers", c.names[:min(len(c.names), toldMost)], "count", len(c.names))
		}
	}
}
