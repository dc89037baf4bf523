package node

import (
	"strings"
	"testing"
)

// A probe that finds the node not to serve is told why.
func TestUnready(t *testing.T) {
	n, err := New(Config{Name: "DC1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.unready(t.Context()); got != "starting" {
		t.Errorf("before it runs: %q", got)
	}
	for _, c := range []struct {
		ending, up bool
		refused    string
		stalled    []string
		want       string
	}{
		{up: true},
		{up: true, ending: true, want: "shutting down"},
		{want: "local server"},
		{up: true, refused: "publish to state.DC1", want: "the cloud plane does not let the node publish to state.DC1"},
		{up: true, stalled: []string{"", "gpu"}, want: `tasks wait beside idle workers, of services ["" "gpu"]`},
	} {
		if got := unready(c.ending, c.up, c.refused, c.stalled); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
