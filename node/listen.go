package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Whoever starts a process has, for a moment, a copy of itself with copies of all
// its sockets: a port that is closed in that moment stays busy until the copy has
// become the other program. So a busy port is tried again, for as long as that may
// take on a starved machine.
const (
	busyPatience = time.Second
	busyTries    = 10 // at least: a machine that stood still for so long has hardly tried
	busyLook     = 10 * time.Millisecond

	startTimeout = 10 * time.Second
	startLook    = 50 * time.Millisecond // the server itself looks twice as often
)

// patiently does what needs a port, again while that is busy. The error is that of
// the last time.
func patiently(do func() error) error {
	end := time.Now().Add(busyPatience)
	for try := 1; ; try++ {
		if err := do(); !errors.Is(err, syscall.EADDRINUSE) || try >= busyTries && time.Now().After(end) {
			return err
		}
		time.Sleep(busyLook)
	}
}

// listen listens on the address of a field of the configuration.
func listen(field, address string) (l net.Listener, err error) {
	err = patiently(func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", variable(field), address, err)
	}
	return l, nil
}

// checkFree tells of a busy port before anything is started.
func checkFree(field, address string) error {
	l, err := listen(field, address)
	if err != nil {
		return err
	}
	return l.Close()
}

// startServer starts a server and waits until it accepts connections on the
// address of a field of the configuration, and those of its options.
func startServer(opts *server.Options, field, address string, log *slog.Logger) (s *server.Server, err error) {
	if err := checkFree(field, address); err != nil {
		return nil, err
	}
	err = patiently(func() error {
		s, err = tryServer(opts, log.With("server", opts.ServerName))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("server %s on %s=%s: %w", opts.ServerName, variable(field), address, err)
	}
	return s, nil
}

// tryServer does not wait for a server that has said that it cannot start.
func tryServer(opts *server.Options, log *slog.Logger) (*server.Server, error) {
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	l := newServerLog(log, opts.Routes)
	s.SetLoggerV2(l, log.Enabled(context.Background(), slog.LevelDebug), false, false)
	s.Start()
	for end := time.Now().Add(startTimeout); !s.ReadyForConnections(startLook); {
		select {
		case err = <-l.fatal:
		default:
			if time.Now().After(end) {
				err = fmt.Errorf("not ready within %s", startTimeout)
			}
		}
		if err != nil {
			stop(s)
			return nil, err
		}
	}
	select {
	case l.fatal <- nil: // nobody looks from here on
	default:
	}
	return s, nil
}
