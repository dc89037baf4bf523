package workerpool_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	broker "github.com/brokermesh/brokermesh/node"
	"github.com/brokermesh/brokermesh/workerpool"
)

func ExampleRun() {
	url, end := startNode() // most programs have no node of their own: they know its address
	defer end()

	upper := func(_ context.Context, t *workerpool.Task) ([]byte, error) {
		if len(t.Data) == 0 {
			return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: "nothing to do"}
		}
		return bytes.ToUpper(t.Data), nil
	}
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	ctx, stop := context.WithCancel(context.Background()) // of a program: signal.NotifyContext
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- workerpool.Run(ctx, nc, workerpool.Config{Service: "upper", Workers: 8}, workerpool.HandlerFunc(upper))
	}()

	// A client, which may as well be elsewhere in the mesh.
	for _, payload := range []string{"hello", ""} {
		answer, err := nc.Request("localfe.upper", []byte(payload), 10*time.Second)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q, error %q\n", answer.Data, answer.Header.Get(mesh.HeaderError))
	}
	stop()
	fmt.Println(<-ended)
	// Output:
	// "HELLO", error ""
	// "", error "nothing to do"
	// <nil>
}

// startNode runs a node on free ports until end is called.
func startNode() (url string, end func()) {
	n, err := broker.New(broker.Config{Name: "DC1", Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if err := n.Run(context.Background()); err != nil {
			log.Fatal(err)
		}
	}()
	<-n.Ready()
	return n.LocalURL(), func() { _ = n.Close() }
}
