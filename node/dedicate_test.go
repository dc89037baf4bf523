package node

import "testing"

// Whoever sets up the collector is not overruled.
func TestDedicate(t *testing.T) {
	defer func() { ballast = nil }()
	for _, name := range []string{"GOGC", "GOMEMLIMIT", ""} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		if name != "" {
			t.Setenv(name, "100")
		}
		Dedicate()
		if got := len(ballast) > 0; got != (name == "") {
			t.Errorf("with %q in the environment: %t", name, got)
		}
	}
}
