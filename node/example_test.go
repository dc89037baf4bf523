package node_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/workerpool"
)

// A node, its workers and a client in one program.
func ExampleNode() {
	n, err := node.New(node.Config{
		Name: "DC1", Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0", // free ports
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()

	// Connect waits until the node serves. Other programs connect to n.LocalURL().
	nc, err := n.Connect(ctx)
	if err != nil {
		log.Fatal(err)
	}
	working, stopWorkers := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() {
		worked <- workerpool.Run(working, nc, workerpool.Config{Name: "upper", Workers: 1}, workerpool.HandlerFunc(
			func(_ context.Context, t *workerpool.Task) ([]byte, error) { return bytes.ToUpper(t.Data), nil }))
	}()

	request := &nats.Msg{Subject: mesh.SubjectRequest, Data: []byte("hello"), Header: nats.Header{mesh.HeaderTimeout: {"10s"}}}
	answer, err := nc.RequestMsg(request, 10*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, by %s of %s\n", answer.Data, answer.Header.Get(mesh.HeaderWorker), answer.Header.Get(mesh.HeaderNode))

	// Clients in this very program need no connection.
	answer, err = n.RequestMsgWithContext(ctx, &nats.Msg{Subject: mesh.SubjectRequest, Data: []byte("once more")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer.Data)

	stopWorkers()
	fmt.Println("workers ended:", <-worked)
	nc.Close()
	stop()
	fmt.Println("node ended:", <-ended)
	// Output:
	// HELLO, by upper of DC1
	// ONCE MORE
	// workers ended: <nil>
	// node ended: <nil>
}
