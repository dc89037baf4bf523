package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// readyTimeout bounds the wait for the node's loop. One that does not answer
	// by then does not serve either.
	readyTimeout = 2 * time.Second
	// healthTimeout bounds how long a probe may take to ask, and the wait for
	// probes when the node ends.
	healthTimeout = 5 * time.Second
)

// startHealth begins to answer HTTP probes, if it is to: from before the node is
// ready until it has ended. It returns what ends that.
func (n *Node) startHealth() (end func(), err error) {
	if n.cfg.HealthListen == "" {
		return func() {}, nil
	}
	listener, err := listen("HealthListen", n.cfg.HealthListen)
	if err != nil {
		return nil, err
	}
	n.health = "http://" + listener.Addr().String()
	n.log.Info("answering probes", "url", n.health)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, "") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { tell(w, n.unready(r.Context())) })
	life, die := context.WithCancel(context.Background())
	s := &http.Server{
		Handler: mux, ReadTimeout: healthTimeout, WriteTimeout: healthTimeout,
		BaseContext: func(net.Listener) context.Context { return life },
		ErrorLog:    slog.NewLogLogger(n.log.Handler(), slog.LevelDebug), // of what others got wrong
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("probes are not answered any more", "error", err)
		}
	}()
	return func() {
		die() // first: so nobody waits for the loop any more
		within, cancel := context.WithTimeout(context.Background(), healthTimeout)
		defer cancel()
		if err := s.Shutdown(within); err != nil {
			_ = s.Close()
		}
		<-ended
	}, nil
}

// unready returns why the node does not serve, "" if it does.
func (n *Node) unready(ctx context.Context) string {
	select {
	case <-n.ready:
	default:
		return "starting"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	v, err := n.View(ctx)
	if err != nil {
		return "the node does not answer: " + err.Error()
	}
	return v.Unready
}

// tell answers a probe.
func tell(w http.ResponseWriter, fault string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if fault != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, fault)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
