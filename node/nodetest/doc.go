// Package nodetest runs a real mesh inside a Go test: nodes with their own
// servers on free ports of the loopback interface, clients and workers
// connected in process.
//
//	m := nodetest.Start(t, 3) // DC1, DC2 and DC3, all acquainted
//	m.Work("DC2", 4, func(ctx context.Context, task *workerpool.Task) ([]byte, error) {
//		return bytes.ToUpper(task.Data), nil
//	})
//	answer := m.Request("DC1", "", []byte("hello")) // done by DC2
//
// Everything ends with the test. Nothing here polls or sleeps: the helpers that
// wait watch what the nodes themselves know.
package nodetest
