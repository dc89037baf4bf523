package workerpool_test

import (
	"bytes"
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/workerpool"
)

func ExampleRun() {
	upper := func(_ context.Context, t *workerpool.Task) ([]byte, error) {
		if len(t.Data) == 0 {
			return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: "nothing to do"}
		}
		return bytes.ToUpper(t.Data), nil
	}
	nc, err := nats.Connect(nats.DefaultURL, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := workerpool.Run(ctx, nc, workerpool.Config{Service: "upper", Workers: 8}, workerpool.HandlerFunc(upper)); err != nil {
		log.Print(err)
	}
}
