// Package workerpool serves tasks of a mesh: it runs workers on one NATS
// connection to the local server of a node, calls a Handler for each task that
// the node gives them, and sends back what the handler returns.
//
//	upper := workerpool.HandlerFunc(func(ctx context.Context, t *workerpool.Task) ([]byte, error) {
//		if len(t.Data) == 0 {
//			return nil, &workerpool.Error{Code: mesh.CodeBadRequest, Text: "nothing to do"}
//		}
//		return bytes.ToUpper(t.Data), nil
//	})
//
//	nc, err := nats.Connect("nats://127.0.0.1:4222", nats.MaxReconnects(-1))
//	if err != nil {
//		return err
//	}
//	defer nc.Close()
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	return workerpool.Run(ctx, nc, workerpool.Config{Service: "upper", Workers: 8}, upper)
//
// A worker holds one task at a time. It says READY when it starts, right after
// a reconnect and every Config.ReadyInterval, but only while it holds no task;
// its answer to a task is also its next READY. A task is done at least once: a
// node that loses sight of a worker gives its task to another one, and drops
// the answer that comes second.
//
// When the context of Run ends, the workers leave politely: they tell the node,
// finish and answer the tasks in hand, and unsubscribe.
package workerpool
