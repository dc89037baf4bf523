package node_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// A task that leaves its node stays in the region, though a node elsewhere has
// many more idle workers, until the region has none.
func TestRegion(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) {
		c.Region = "eu"
		if c.Name == "Far" {
			c.Region = "us"
		}
	}))
	m.Add("Far")
	m.Work("Far", 100, echo)
	m.Await("DC1", "the workers of Far", func(v node.View) bool {
		load, _ := v.Peer("Far", "")
		return load.Idle == 100
	})

	g := newGate()
	m.Work("DC2", 3, g.handle)
	m.AwaitIdle("DC2", "", 3)
	client := m.Client("DC1")
	var answers []<-chan *nats.Msg
	for range 3 {
		answers = append(answers, ask(t, client, task("x")))
		receive(t, g.began)
	}
	if by := m.Request("DC1", "", nil).Header.Get(mesh.HeaderNode); by != "Far" {
		t.Errorf("with no worker left in the region %s did it", by)
	}
	close(g.open)
	for _, a := range answers {
		wantAnswer(t, receive(t, a), "x", "DC2")
	}
}
