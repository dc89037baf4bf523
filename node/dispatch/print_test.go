package dispatch

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

func (s *script) printf(format string, args ...any) {
	fmt.Fprintf(&s.out, "    "+format+"\n", args...)
}

// print writes effects as a script has them, and remembers their attempts.
func (s *script) print(fx []Effect) {
	for _, e := range fx {
		s.printf("%s", s.line(e))
	}
}

func (s *script) line(e Effect) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	switch e.Do {
	case Dispatch:
		s.dispatched[e.To], s.dispatched[short(e.Attempt)] = e.Attempt, e.Attempt
		add("dispatch %v -> %s %s", e.Task, e.To, short(e.Attempt))
	case Cancel:
		add("cancel %s -> %s %d %q", short(e.Attempt), e.To, e.Code, e.Reason)
	case Reply:
		add("reply %v %q by ", e.Task, e.Answer)
		if e.Hops > 0 {
			add("a peer")
		} else {
			add("%s", e.Worker)
		}
	case Refuse:
		add("refuse %v %d %q", e.Task, e.Code, e.Reason)
	case Delegate:
		s.delegated[e.Task.(string)], s.delegated[short(e.Attempt)] = e.Attempt, e.Attempt
		add("delegate %v -> %s %s age=%v", e.Task, e.To, short(e.Attempt), e.Age)
	case Return:
		add("return %v %q", e.Task, e.Reason)
	case Drop:
		add("drop %v", e.Task)
		if e.To != "" {
			add(" of %s", e.To)
		}
	case Ask:
		add("ask %s about", e.To)
		for _, a := range e.Attempts {
			add(" %s", short(a))
		}
	case Announce:
		add("announce")
		if e.News {
			add(" news")
		}
	case Follow:
		add("follow %s", e.To)
	case Unfollow:
		add("unfollow %s", e.To)
	default:
		add("unknown effect %d", e.Do)
	}
	if e.Service != "" {
		add(" service=%s", e.Service)
	}
	if e.Left > 0 {
		add(" left=%v", e.Left)
	}
	if e.Losses > 0 {
		add(" losses=%d", e.Losses)
	}
	if e.Guest {
		add(" (guest)")
	}
	return b.String()
}

// short is an attempt without its random parts.
func short(a mesh.Attempt) string { return fmt.Sprintf("#%d.%d", a.Slot, a.Generation) }

func (s *script) printPeers(peers []mesh.PeerView) {
	if len(peers) == 0 {
		s.printf("none")
	}
	for _, p := range peers {
		line := fmt.Sprintf("%s outstanding=%d", p.Name, p.Outstanding)
		if !p.Reachable {
			line += " unreachable"
		}
		for _, l := range p.Services {
			line += fmt.Sprintf(" %q: workers=%d idle=%d waiting=%d", l.Service, l.Workers, l.Idle, l.Waiting)
		}
		s.printf("%s", line)
	}
}

func (s *script) printState(state mesh.State) {
	line := fmt.Sprintf("state %d up=%v", state.Sequence, time.Duration(state.UptimeMS)*time.Millisecond)
	if state.Draining {
		line += " draining"
	}
	if state.Leaving {
		line += " leaving"
	}
	s.printf("%s", line)
	for _, l := range state.Services {
		name := l.Service
		if name == "" {
			name = "(default)"
		}
		line := fmt.Sprintf("  %s: workers=%d idle=%d waiting=%d guests=%d", name, l.Workers, l.Idle, l.Waiting, l.Guests)
		if l.Waiting > 0 {
			line += fmt.Sprintf(" oldest=%dms", l.OldestMS)
		}
		if l.ServiceMS > 0 {
			line += fmt.Sprintf(" service=%gms", l.ServiceMS)
		}
		s.printf("%s", line)
	}
}

// printStats writes the counts that are not 0.
func (s *script) printStats(stats Stats) {
	var counts []string
	v := reflect.ValueOf(stats)
	for i := range v.NumField() {
		if n := v.Field(i).Uint(); n > 0 {
			counts = append(counts, fmt.Sprintf("%s=%d", strings.ToLower(v.Type().Field(i).Name), n))
		}
	}
	s.printf("%s", strings.Join(counts, " "))
}
