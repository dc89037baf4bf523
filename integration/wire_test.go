package integration

import (
	"net"
	"regexp"
	"sync"
	"testing"
	"time"
)

// wires is a network that can be cut: proxies, each with an end of its own, in
// front of what listens. What crosses a wire that is cut goes nowhere, and neither
// end is told: no byte, no end of a connection, as if the cable were out. When the
// wire is mended, what was held goes on its way, as TCP would send it again.
type wires struct {
	t *testing.T

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, with every cut and mend
	cuts    map[wire]bool
	broken  map[wire]int // connections that one end gave up while their wire was cut
}

// wire is two ends, in order of name.
type wire [2]string

func wireOf(a, b string) wire { return wire{min(a, b), max(a, b)} }

func newWires(t *testing.T) *wires {
	return &wires{t: t, changed: make(chan struct{}), cuts: make(map[wire]bool), broken: make(map[wire]int)}
}

// set cuts the wire between two ends, or mends it.
func (w *wires) set(a, b string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts[wireOf(a, b)] = cut
	w.broken[wireOf(a, b)] = 0
	w.wake()
}

func (w *wires) isCut(a, b string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts[wireOf(a, b)]
}

func (w *wires) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// awaitBroken waits until an end has given up a connection over the wire that is
// cut: it knows.
func (w *wires) awaitBroken(a, b string) {
	w.t.Helper()
	within := time.After(patience)
	for {
		w.mu.Lock()
		n, changed := w.broken[wireOf(a, b)], w.changed
		w.mu.Unlock()
		if n > 0 {
			return
		}
		select {
		case <-changed:
		case <-within:
			w.t.Fatalf("nobody gave up the connection between %s and %s", a, b)
		}
	}
}

// patience bounds what takes two or three unanswered pings of a NATS server.
const patience = 2 * time.Minute

// serverName is how a node's embedded server calls itself, in the first line that
// it sends over a route: the node's name, and what is unique to the start.
var serverName = regexp.MustCompile(`"server_name":"([A-Za-z0-9_]+)-`)

// proxy listens on an address for what listens on another, whose end has a name.
// From is the end that connects; "": the node that says so itself.
func (w *wires) proxy(listen, to, name, from string) {
	w.t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		w.t.Fatal(err)
	}
	var running sync.WaitGroup
	over := make(chan struct{})
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(c.(*net.TCPConn), to, name, from, over) })
		}
	})
	w.t.Cleanup(func() {
		close(over)
		_ = l.Close()
		running.Wait()
	})
}

// carry carries a connection until an end closes it and the other may know, or
// the test is over.
func (w *wires) carry(caller net.Conn, to, name, from string, over <-chan struct{}) {
	defer caller.Close()
	callee, err := net.Dial("tcp", to)
	if err != nil {
		return // nobody is there: refused
	}
	defer callee.Close()
	p := &passage{wires: w, over: over, ended: make(chan struct{})}
	if from != "" {
		p.wire = wireOf(from, name)
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.pump(callee, caller, func(sent []byte) {
			if found := serverName.FindSubmatch(sent); found != nil {
				p.belongs(wireOf(string(found[1]), name))
			}
		})
	})
	both.Go(func() { p.pump(caller, callee, func([]byte) {}) })
	<-p.ended
	_, _ = caller.Close(), callee.Close() // ends the reading of both
	both.Wait()
}

// passage is one connection through a proxy.
type passage struct {
	wires *wires
	wire  wire // guarded by the mutex of wires; none: it is not known yet who calls
	over  <-chan struct{}
	end   sync.Once
	ended chan struct{}
}

// belongs says which wire it is, once.
func (p *passage) belongs(x wire) {
	p.wires.mu.Lock()
	defer p.wires.mu.Unlock()
	if p.wire == (wire{}) {
		p.wire = x
		p.wires.wake()
	}
}

// look returns whether the wire is cut, and what is closed with the next change.
// Gone notes that an end has given up.
func (p *passage) look(gone bool) (cut bool, changed <-chan struct{}) {
	w := p.wires
	w.mu.Lock()
	defer w.mu.Unlock()
	cut = w.cuts[p.wire]
	if cut && gone {
		w.broken[p.wire]++
		w.wake()
	}
	return cut, w.changed
}

// pump carries one direction. It goes on reading while the wire is cut, to see
// that the end gives up, and holds what comes.
func (p *passage) pump(to, from net.Conn, sees func([]byte)) {
	chunks := make(chan []byte)
	defer p.end.Do(func() { close(p.ended) })
	go func() {
		defer close(chunks)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case chunks <- b[:n]:
				case <-p.ended:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	var held []byte
	for gone := false; ; {
		cut, changed := p.look(false)
		if !cut {
			if _, err := to.Write(held); err != nil || gone {
				return
			}
			held = nil
		}
		select {
		case b, more := <-chunks:
			if !more && !gone {
				gone, chunks = true, nil
				p.look(true)
			}
			held = append(held, b...)
			sees(held)
		case <-changed:
		case <-p.over:
			return
		case <-p.ended:
			return
		}
	}
}
