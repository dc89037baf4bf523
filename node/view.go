package node

import (
	"context"
	"fmt"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/dispatch"
	"github.com/brokermesh/brokermesh/workerpool/supervise"
)

// Stats counts what a node has done since it started.
type Stats = dispatch.Stats

// View is what a node knows at one moment.
type View struct {
	Stats      Stats
	Unready    string            // why nobody should send it tasks now; "": it serves
	Complaints map[string]uint64 // what others got wrong, by kind
	Services   []mesh.Load       // of the node itself, in order of name
	Processes  supervise.Status  // the node's own worker processes; zero if it has none
	Peers      []mesh.PeerView   // in order of name; those that said goodbye are not in it
}

// Load returns the node's own load of a service; the zero Load if it has none.
func (v View) Load(service string) mesh.Load { return find(v.Services, service) }

// Peer returns what the node knows of a peer's service. known is false if it
// does not know such a peer.
func (v View) Peer(name, service string) (load mesh.Load, known bool) {
	for _, p := range v.Peers {
		if p.Name == name {
			return find(p.Services, service), true
		}
	}
	return mesh.Load{}, false
}

func find(loads []mesh.Load, service string) mesh.Load {
	for _, l := range loads {
		if l.Service == service {
			return l
		}
	}
	return mesh.Load{Service: service}
}

// watcher waits until a condition holds.
type watcher struct {
	ctx   context.Context
	holds func(View) bool
	reply chan View
}

// View returns what the node knows now. It fails if ctx or the node ends first.
func (n *Node) View(ctx context.Context) (View, error) {
	return n.Await(ctx, func(View) bool { return true })
}

// Await waits until the condition holds of the node's view, and returns that
// view. The condition is looked at whenever something has happened to the node,
// by the node's own goroutine: it must be quick and must not call the node. It
// fails if ctx or the node ends first.
func (n *Node) Await(ctx context.Context, holds func(View) bool) (View, error) {
	if err := n.await(ctx); err != nil {
		return View{}, err
	}
	w := watcher{ctx: ctx, holds: holds, reply: make(chan View, 1)}
	return ask(ctx, n, n.loop.watch, w, w.reply)
}

// unready returns why the node does not serve as it should, "" if it does. That
// the cloud plane cannot be reached is no reason: it goes on alone. That it does not
// let the node do what it needs is one, for it does not pass by itself.
func (l *loop) unready() string {
	up := l.node.local.Running() && l.plane.local.IsConnected()
	return unready(l.ending, up, l.refused, l.core.Stalled())
}

func unready(ending, up bool, refused string, stalled []string) string {
	switch {
	case ending:
		return "shutting down"
	case !up:
		return "the local server cannot be reached"
	case refused != "":
		return "the cloud plane does not let the node " + refused
	case len(stalled) > 0:
		return fmt.Sprintf("tasks wait beside idle workers, of services %q", stalled)
	}
	return ""
}

// show looks whether a condition that somebody waits for holds now.
func (l *loop) show() {
	if len(l.watchers) == 0 {
		return
	}
	view := View{
		Stats: l.core.Stats(), Unready: l.unready(), Complaints: l.complaints.counts(),
		Services: l.core.Loads(l.now()), Peers: l.core.Peers(),
	}
	if l.node.processes != nil {
		view.Processes = l.node.processes.Status()
	}
	still := l.watchers[:0]
	for _, w := range l.watchers {
		switch {
		case w.ctx.Err() != nil:
		case w.holds(view):
			w.reply <- view
		default:
			still = append(still, w)
		}
	}
	clear(l.watchers[len(still):])
	l.watchers = still
}
