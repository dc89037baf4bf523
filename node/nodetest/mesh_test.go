package nodetest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func echo(_ context.Context, t *workerpool.Task) ([]byte, error) { return t.Data, nil }

func TestWorkers(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2)
	stays := m.Work("DC1", 1, echo)
	stops := m.Work("DC1", 2, echo)
	dies := m.Work("DC1", 3, echo)
	m.AwaitIdle("DC1", "", 6)
	other := m.WorkService("DC2", "gpu", 4, echo)
	m.AwaitWorkers("DC2", "gpu", 4)
	stops.Stop()
	m.AwaitWorkers("DC1", "", 4)
	dies.Kill()
	m.AwaitWorkers("DC1", "", 1)
	dies.Kill() // any number of times, as the test's end does
	stops.Stop()
	stays.Stop()
	other.Stop()
	for _, name := range m.Names() {
		m.Await(name, "no worker at all", func(v node.View) bool {
			one, _ := v.Peer("DC1", "")
			two, _ := v.Peer("DC2", "gpu")
			return v.Load("").Workers+v.Load("gpu").Workers+one.Workers+two.Workers == 0
		})
	}
}

func TestAddAndEnd(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout = nodetest.Timeout }))
	for _, name := range []string{"DC2", "other"} {
		if n := m.Add(name); n.Name() != name || m.Node(name) != n {
			t.Errorf("added %s as %s", name, n.Name())
		}
		m.AwaitMesh()
	}
	if names := m.Names(); !slices.Equal(names, []string{"DC1", "DC2", "other"}) {
		t.Errorf("nodes %v", names)
	}
	address := m.Node("DC2").LocalURL()
	m.Shutdown("DC2")
	m.Shutdown("DC2") // has ended: nothing to do
	m.Kill("other")
	m.Kill("other")
	m.AwaitMesh()
	m.Restart("DC2")
	m.AwaitMesh()
	if again := m.Node("DC2").LocalURL(); again != address {
		t.Errorf("it was at %s and is back at %s", address, again)
	}
	m.Kill("DC1") // the first one, which the others were seeded with
	m.Restart("other")
	m.Restart("DC1")
	m.AwaitMesh()
	m.Work("other", 1, echo)
	for _, name := range m.Names() {
		if got := m.Request(name, "", []byte(name)); string(got.Data) != name || got.Header.Get(mesh.HeaderNode) != "other" {
			t.Errorf("%s: %q, %v", name, got.Data, got.Header)
		}
	}
}

// failing is a test that takes its failures down.
type failing struct {
	*testing.T
	fatal string
}

type stopped struct{}

func (f *failing) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	panic(stopped{})
}

// A helper that cannot do what it is asked for says so and ends the test.
func TestFailures(t *testing.T) {
	t.Parallel()
	f := &failing{T: t}
	m := nodetest.Start(f, 1)
	for _, c := range []struct {
		want string
		do   func()
	}{
		{"no node DC9", func() { m.Request("DC9", "", nil) }},
		{"DC1 is running", func() { m.Restart("DC1") }},
		{"DC1 is running", func() { m.Add("DC1") }},
		{"MESH_NAME", func() { m.Add("a.b") }},
		{`service: "a b"`, func() { m.WorkService("DC1", "a b", 1, echo) }},
		{"has ended", func() { m.Kill("DC1"); m.Client("DC1") }},
	} {
		func() {
			defer func() {
				if r := recover(); r != (stopped{}) || !strings.Contains(f.fatal, c.want) {
					t.Errorf("%v %q; want %q", r, f.fatal, c.want)
				}
			}()
			c.do()
		}()
	}
}

// An option is asked for each node, and not again when that comes back.
func TestConfigOfEach(t *testing.T) {
	t.Parallel()
	var names []string
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { names = append(names, c.Name) }))
	m.Add("Other")
	m.Kill("DC1")
	m.Restart("DC1")
	if !slices.Equal(names, []string{"DC1", "Other"}) {
		t.Errorf("asked for %q", names)
	}
}

func TestConfigOption(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 1, nodetest.WithConfig(func(c *node.Config) { c.QueueTimeout = time.Millisecond }))
	if code, _ := nodetest.ErrorOf(m.Request("DC1", "", nil)); code != "404" {
		t.Errorf("code %s", code)
	}
	if code, text := nodetest.ErrorOf(m.Request("DC1", "a.b", nil)); code != "400" || text == "" {
		t.Errorf("code %s, %s", code, text)
	}
}
