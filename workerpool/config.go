package workerpool

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// The values that zero fields of a Config stand for.
const (
	DefaultReadyInterval = 2 * time.Second
	DefaultDrainTimeout  = 10 * time.Second
	DefaultCancelTimeout = 5 * time.Second
)

// minReadyInterval keeps a slip of units from flooding the node.
const minReadyInterval = time.Millisecond

// Config is what Run needs to know. Only Workers has to be set.
type Config struct {
	// Service is the service that the workers offer, a token as of
	// mesh.CheckToken; "" is the default service.
	Service string

	// Workers is the number of workers, so of tasks at once: 1 or more. Each
	// costs a goroutine and a subscription.
	Workers int

	// Name names the worker in the headers of its answers, a token as of
	// mesh.CheckToken; of several workers, Name-0 is the first. Without a name
	// the node uses the worker's inbox.
	Name string

	// ReadyInterval is how often an idle worker repeats READY, 1ms or more: for
	// so long one that got lost leaves it without tasks. 0 is DefaultReadyInterval.
	ReadyInterval time.Duration

	// DrainTimeout is how long after the end of Run's context the tasks in hand
	// may take and the node has to confirm that the workers leave; then the
	// handlers' contexts are cancelled. 0 is DefaultDrainTimeout.
	DrainTimeout time.Duration

	// CancelTimeout is how long handlers may take to return once their contexts
	// are cancelled, before Run returns ErrStuck. 0 is DefaultCancelTimeout.
	CancelTimeout time.Duration

	// Logger is told of panics, of answers that could not be sent, of messages
	// that are no tasks and, once, that there is no node. nil is none.
	Logger *slog.Logger
}

// complete returns the config with its defaults filled in, or all that is wrong
// with it.
func (c Config) complete() (Config, error) {
	var errs []error
	reject := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	if c.Service != "" {
		reject("Service", mesh.CheckToken(c.Service))
	}
	if c.Workers < 1 {
		reject("Workers", fmt.Errorf("%d; want 1 or more", c.Workers))
	} else if c.Name != "" {
		reject("Name", mesh.CheckToken(mesh.WorkerName(c.Name, c.Workers-1, c.Workers)))
	}
	c.ReadyInterval = cmp.Or(c.ReadyInterval, DefaultReadyInterval)
	if c.ReadyInterval < minReadyInterval {
		reject("ReadyInterval", fmt.Errorf("%v; want %v or more", c.ReadyInterval, minReadyInterval))
	}
	c.DrainTimeout = cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	if c.DrainTimeout < 0 {
		reject("DrainTimeout", fmt.Errorf("%v is below zero", c.DrainTimeout))
	}
	c.CancelTimeout = cmp.Or(c.CancelTimeout, DefaultCancelTimeout)
	if c.CancelTimeout < 0 {
		reject("CancelTimeout", fmt.Errorf("%v is below zero", c.CancelTimeout))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}
