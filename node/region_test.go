package node_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/node/nodetest"
	"github.com/brokermesh/brokermesh/workerpool"
)

// A task that leaves its node stays in the region, though a node elsewhere has
// many more idle workers, until the region has none.
func TestRegion(t *testing.T) {
	t.Parallel()
	m := nodetest.Start(t, 2, patient, nodetest.WithConfig(func(c *node.Config) { c.Region = "eu" }))
	own := nodetest.Addresses(t, 3)
	far, err := node.New(node.Config{
		Name: "Far", Region: "us", Listen: own[0], CloudListen: own[1], ClusterListen: own[2], Peers: []string{m.Node("DC1").ClusterAddr()},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, left := make(chan error, 1), make(chan error, 1)
	go func() { ended <- far.Run(context.Background()) }()
	ctx, leave := context.WithCancel(context.Background())
	nc, err := far.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		left <- workerpool.Run(ctx, nc, workerpool.Config{Workers: 100}, workerpool.HandlerFunc(echo))
	}()
	t.Cleanup(func() {
		leave()
		if err := receive(t, left); err != nil {
			t.Error(err)
		}
		nc.Close()
		if err := errors.Join(far.Close(), receive(t, ended)); err != nil {
			t.Error(err)
		}
	})
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
