package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/mesh/client"
	broker "github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/workerpool"
)

func ExampleClient_Do() {
	url, end := startUpper() // most programs have no node of their own: they know its address
	defer end()

	c, err := client.Connect(url) // with several nodes: "nats://dc1:4222,nats://dc2:4222"
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, payload := range []string{"hello", ""} {
		reply, err := c.Do(ctx, client.Request{Service: "upper", Data: []byte(payload)})
		if refused, ok := errors.AsType[*client.Error](err); ok {
			fmt.Println("refused with", refused.Code, refused.Text)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s by %s, sent once: %t\n", reply.Data, reply.Node, reply.Sent == 1)
	}
	// Output:
	// HELLO by DC1, sent once: true
	// refused with 400 nothing to do
}

// startUpper runs a node on free ports, with a worker, until end is called.
func startUpper() (url string, end func()) {
	n, err := broker.New(broker.Config{Name: "DC1", Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = n.Run(context.Background()) }()
	ctx, stop := context.WithCancel(context.Background())
	nc, err := n.Connect(ctx)
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- workerpool.Run(ctx, nc, workerpool.Config{Service: "upper", Workers: 1}, workerpool.HandlerFunc(
			func(_ context.Context, t *workerpool.Task) ([]byte, error) {
				if len(t.Data) == 0 {
					return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: "nothing to do"}
				}
				return bytes.ToUpper(t.Data), nil
			}))
	}()
	return n.LocalURL(), func() {
		stop()
		<-ended
		nc.Close()
		_ = n.Close()
	}
}
