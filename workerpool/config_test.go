package workerpool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/workerpool"
)

func TestBadConfig(t *testing.T) {
	n, nc, _ := setup(t)
	long := strings.Repeat("n", 63)
	for _, c := range []struct {
		cfg  workerpool.Config
		want string
	}{
		{workerpool.Config{}, "Workers: 0"},
		{workerpool.Config{Workers: -1, Name: "a"}, "Workers: -1"},
		{workerpool.Config{Workers: 1, Service: "a.b"}, "Service: "},
		{workerpool.Config{Workers: 1, Name: "a b"}, "Name: "},
		{workerpool.Config{Workers: 2, Name: long}, "Name: "},
		{workerpool.Config{Workers: 1, ReadyInterval: -1}, "ReadyInterval: "},
		{workerpool.Config{Workers: 1, ReadyInterval: time.Microsecond}, "ReadyInterval: "},
		{workerpool.Config{Workers: 1, DrainTimeout: -1}, "DrainTimeout: "},
		{workerpool.Config{Workers: 1, CancelTimeout: -1}, "CancelTimeout: "},
	} {
		err := workerpool.Run(context.Background(), nc, c.cfg, workerpool.HandlerFunc(echo))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.cfg, err, c.want)
		}
	}
	good := workerpool.Config{Workers: 1}
	if err := workerpool.Run(context.Background(), nil, good, workerpool.HandlerFunc(echo)); err == nil {
		t.Error("a nil connection is no error")
	}
	if err := workerpool.Run(context.Background(), nc, good, nil); err == nil {
		t.Error("a nil handler is no error")
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := n.nc.Flush(); err != nil || len(n.heard) != 0 {
		t.Errorf("a wrong config reached the node (%v)", err)
	}
}

func TestAllFaultsOfAConfigAreTold(t *testing.T) {
	_, nc, _ := setup(t)
	err := workerpool.Run(context.Background(), nc, workerpool.Config{Service: "*", DrainTimeout: -1}, workerpool.HandlerFunc(echo))
	for _, want := range []string{"Service", "Workers", "DrainTimeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of %s", err, want)
		}
	}
}

// The longest names that are valid, and all the defaults.
func TestLongestNames(t *testing.T) {
	n, nc, _ := setup(t)
	long := strings.Repeat("n", 64)
	ctx, stop := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		cfg := workerpool.Config{Workers: 10, Service: long, Name: long[:62]}
		result <- workerpool.Run(ctx, nc, cfg, workerpool.HandlerFunc(echo))
	}()
	n.await("localbe.ready.")
	stop()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

func TestBadInboxPrefix(t *testing.T) {
	_, nc, _ := setup(t, nats.CustomInboxPrefix("localbe.inbox"))
	err := workerpool.Run(context.Background(), nc, workerpool.Config{Workers: 1}, workerpool.HandlerFunc(echo))
	if err == nil || !strings.Contains(err.Error(), "inbox prefix") {
		t.Errorf("error %v", err)
	}
}
