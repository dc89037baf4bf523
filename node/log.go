package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// serverLog passes what an embedded server logs on to the node's logger. What
// it calls a warning or an error is mostly somebody else's, such as a client or
// a peer that broke off: news, no more. A peer that is none is a mistake of our own.
// What is fatal to the server is for who starts it.
type serverLog struct {
	*slog.Logger
	fatal  chan error // holds the first
	peers  []*url.URL // that are tried
	news   sparing
	astray sparing
}

func newServerLog(log *slog.Logger, peers []*url.URL) *serverLog {
	return &serverLog{Logger: log, fatal: make(chan error, 1), peers: peers, news: sparing{burst: 5}, astray: sparing{burst: 1}}
}

func (l *serverLog) Debugf(format string, v ...any) { l.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Tracef(format string, v ...any) { l.Debug(fmt.Sprintf(format, v...)) }

func (l *serverLog) Noticef(format string, v ...any) { l.tell(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.tell(slog.LevelInfo, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.tell(slog.LevelInfo, format, v) }

// tell logs what may come over and over. Of each kind of news a few lines are told, of
// each wrong peer one, and then one in a while; the rest is for who debugs.
func (l *serverLog) tell(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	if address, what := wrongPeer(text, l.peers); address != "" {
		if l.astray.allow(address) {
			l.Warn(variable("Peers")+" names "+what+"; it takes the "+variable("ClusterListen")+" of other nodes", "address", address)
		}
		level = slog.LevelDebug
	}
	if level > slog.LevelDebug && !l.news.allow(kindOf(format)) {
		level = slog.LevelDebug
	}
	l.Log(context.Background(), level, text)
}

// kindOf returns what a format of the server has in common with others of its kind: before
// that is what connection it is about ("address - id - ", and quoted what its client calls
// itself), and behind it there may be what others sent, which is new each time.
func kindOf(format string) string {
	parts := strings.SplitN(format, " - ", 3)
	kind := parts[len(parts)-1]
	for {
		client, err := strconv.QuotedPrefix(kind)
		if err != nil {
			break
		}
		kind = strings.TrimPrefix(kind[len(client):], " - ")
	}
	if end := strings.IndexAny(kind, ",:='\""); end >= 0 {
		kind = kind[:end]
	}
	return kind
}

// sparing lets a few of each kind through, and then one in a while.
type sparing struct {
	burst int

	mu    sync.Mutex
	kinds map[string]*rate.Limiter
}

const (
	sparingEvery = time.Minute
	// sparingKinds is how many kinds are told apart. The server has some eighty formats of
	// news, and there may be what others sent in one after all.
	sparingKinds = 100
)

func (s *sparing) allow(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds[kind] == nil && len(s.kinds) >= sparingKinds {
		kind = ""
	}
	if s.kinds[kind] == nil {
		if s.kinds == nil {
			s.kinds = make(map[string]*rate.Limiter)
		}
		s.kinds[kind] = rate.NewLimiter(rate.Every(sparingEvery), s.burst)
	}
	return s.kinds[kind].Allow()
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
