package node

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// serverLog passes what an embedded server logs on to the node's logger. What
// it calls a warning or an error is mostly somebody else's, such as a client or
// a peer that broke off: news, no more. What is fatal to it is for who starts it.
type serverLog struct {
	*slog.Logger
	fatal  chan error // holds the first
	astray rate.Sometimes

	mu    sync.Mutex
	kinds map[string]*rate.Limiter // of news
}

func (l *serverLog) Noticef(format string, v ...any) { l.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Debugf(format string, v ...any)  { l.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Tracef(format string, v ...any)  { l.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.news(format, fmt.Sprintf(format, v...)) }

// Errorf knows one mistake of our own: a route to a port where clients are expected
// fails each second, in words that tell nobody what to mend.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if !strings.HasSuffix(text, noRoutePort) {
		l.news(format, text)
		return
	}
	l.astray.Do(func() {
		address, _, _ := strings.Cut(text, " - ")
		l.Warn(variable("Peers")+" names a port for clients or tools; it takes the "+variable("ClusterListen")+" of other nodes", "address", address)
	})
}

// noRoutePort is how the server tells that another did not understand a route.
const noRoutePort = "Route Error 'Unknown Protocol Operation'"

// astrayEvery is how often a wrong peer is told of.
const astrayEvery = time.Minute

// news logs what may come over and over: a peer that is none is tried each second, for
// ever. Of each kind a few lines are told, and then one in a while; the rest is for who
// debugs.
func (l *serverLog) news(format, text string) {
	level := slog.LevelInfo
	if !l.allow(format[strings.LastIndex(format, " - ")+1:]) { // before it is what connection it is about
		level = slog.LevelDebug
	}
	l.Log(context.Background(), level, text)
}

const (
	newsEvery = time.Minute
	newsBurst = 5
	// newsKinds is how many kinds are told apart. The server has some eighty formats,
	// but in a few there is what others sent.
	newsKinds = 100
)

func (l *serverLog) allow(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds[kind] == nil && len(l.kinds) >= newsKinds {
		kind = ""
	}
	if l.kinds[kind] == nil {
		l.kinds[kind] = rate.NewLimiter(rate.Every(newsEvery), newsBurst)
	}
	return l.kinds[kind].Allow()
}

func (l *serverLog) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	for _, a := range v {
		if cause, is := a.(error); is { // the server's own format does not wrap it
			err = cause
		}
	}
	select {
	case l.fatal <- err:
	default: // it has started, or this is not the first
		l.Warn(err.Error())
	}
}

// complaintEvery is the least time between two log lines of one kind about
// other people's mistakes: a flood of them must not become a flood of ours.
const complaintEvery = time.Second

// complaints counts what others got wrong, by kind, and logs it at a bounded
// rate. The loop goroutine owns it.
type complaints struct {
	log   *slog.Logger
	kinds map[string]*complaint
}

type complaint struct {
	count  uint64
	silent uint64 // since the last line
	next   time.Duration
}

// add counts one mistake and logs it, unless one of its kind was logged within
// the last second; the next line then tells how many were not.
func (cs *complaints) add(now time.Duration, kind string, details ...any) {
	c := cs.kinds[kind]
	if c == nil {
		c = &complaint{}
		cs.kinds[kind] = c
	}
	c.count++
	if now < c.next {
		c.silent++
		return
	}
	if c.silent > 0 {
		details = append(details, "not_logged", c.silent)
	}
	c.next, c.silent = now+complaintEvery, 0
	cs.log.Warn(kind, details...)
}

// counts returns how many mistakes of each kind there were.
func (cs *complaints) counts() map[string]uint64 {
	counts := make(map[string]uint64, len(cs.kinds))
	for kind, c := range cs.kinds {
		counts[kind] = c.count
	}
	return counts
}
