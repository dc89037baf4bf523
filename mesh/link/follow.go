package link

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// follows is the peers whose news come here.
type follows struct {
	mu   sync.Mutex
	subs map[string]*nats.Subscription // by name
}

// Follow has the news of a peer come here, as State, until Unfollow. To follow
// it twice is to follow it.
func (l *Link) Follow(peer string) error {
	f := &l.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs[peer] != nil {
		return nil
	}
	sub, err := l.nc.ChanSubscribe(mesh.NewsSubject(peer), l.arrived)
	if err != nil {
		return fmt.Errorf("follow %s: %w", peer, err)
	}
	if f.subs == nil {
		f.subs = make(map[string]*nats.Subscription)
	}
	f.subs[peer] = sub
	return nil
}

// Unfollow ends what Follow began. What is on its way may still arrive.
func (l *Link) Unfollow(peer string) error {
	f := &l.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	sub := f.subs[peer]
	if sub == nil {
		return nil
	}
	delete(f.subs, peer)
	return sub.Unsubscribe()
}

// names are those of the peers that are followed.
func (f *follows) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.subs))
}

// leave unfollows all.
func (f *follows) leave() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, sub := range f.subs {
		errs = append(errs, sub.Drain())
	}
	f.subs = nil
	return errors.Join(errs...)
}
