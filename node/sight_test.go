package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
)

func TestSight(t *testing.T) {
	s := make(sight)
	look := func(want []string, peers ...mesh.PeerView) {
		t.Helper()
		var told []string
		s.look(peers, func(what string, details ...any) {
			told = append(told, fmt.Sprintf("%s%v%v", what, details[1], details[3]))
		})
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
	one, two, again := mesh.PeerView{Name: "DC1", Incarnation: 1}, mesh.PeerView{Name: "DC2", Incarnation: 2}, mesh.PeerView{Name: "DC2", Incarnation: 3}
	look(nil)
	look([]string{"peers appeared[DC1 DC2]2"}, two, one)
	look(nil, one, two)
	look([]string{"peers restarted[DC2]1", "peers are gone[DC1]1"}, again)
	look([]string{"peers appeared[DC1]1"}, one, again)
	var many []mesh.PeerView
	for i := range 2 * toldMost {
		many = append(many, mesh.PeerView{Name: fmt.Sprintf("N%02d", i), Incarnation: 1})
	}
	s.look(many, func(what string, details ...any) {
		if n := len(details[1].([]string)); what == "peers appeared" && (n != toldMost || details[3] != 2*toldMost) {
			t.Errorf("%d names of %v", n, details[3])
		}
	})
}
