package node

import (
	"errors"
	"time"
)

// drain begins the end: from now on the node finishes what it has.
func (l *loop) drain() {
	l.ending, l.giveUp = true, time.Now().Add(l.cfg.DrainTimeout)
	l.log.Info("draining", "timeout", l.cfg.DrainTimeout)
	if err := l.flushLocal(); err != nil {
		l.log.Error("drain", "error", err)
	}
	l.takeAll() // what clients sent before the node was told
	l.core.Drain(l.now())
}

// end closes the door, looks at what had already come in, answers whatever is
// left with an error, and says goodbye.
func (l *loop) end() error {
	l.ending = true
	l.core.Shut()
	l.clients.end()
	var errs []error
	for _, sub := range l.subs {
		errs = append(errs, sub.Drain()) // what is on its way still arrives
	}
	if !l.alone {
		l.told(l.plane.link.Leave())
	}
	errs = append(errs, l.flush())
	l.takeAll()
	l.endRelays()
	l.apply(l.core.Close(l.now(), l.fx[:0]))
	errs = append(errs, l.flush())
	l.log.Info("node ended", "uptime", l.now().Round(time.Millisecond))
	return errors.Join(errs...)
}
