package dispatch

import (
	"slices"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// step gives the core one input.
func (d *driver) step() { d.input(d.tape.below(100)) }

// input gives the core an input of a kind; each has its share of a hundred.
func (d *driver) input(b int) {
	switch {
	case b < 22:
		d.request()
	case b < 36:
		d.ready()
	case b < 52:
		d.done()
	case b < 54:
		d.undelivered()
	case b < 56:
		d.disconnect(uint64(d.tape.below(clients)))
	case b < 58:
		d.leave()
	case b < 64:
		d.peerState()
	case b < 68:
		d.peerCapacity()
	case b < 74:
		d.guest()
	case b < 88:
		d.peerAnswers(b)
	case b < 89:
		d.flap(d.tape.next())
	case b < 99:
		d.pass()
	default:
		// Rarely: a node that drains has little to do any more.
		switch b := d.tape.below(16); {
		case b == 0:
			d.drain()
		case b < 8:
			d.cloud(b%2 == 0)
		case b == 8:
			d.allDisconnected()
		case b == 9:
			d.endingOf(uint64(d.tape.below(clients)))
		default:
			name, _ := d.peer()
			d.notef("no answer from %s", name)
			d.core.NoAnswer(d.now, name)
			d.after(nil)
		}
	}
}

// cloud takes the link to the cloud plane down, or brings it up.
func (d *driver) cloud(up bool) {
	d.notef("cloud up=%v", up)
	d.alone = !up
	if up {
		d.model.cloudBack(d.now)
		d.after(d.core.CloudBack(d.now, nil))
		return
	}
	d.core.CloudLost()
	d.after(nil)
}

func (d *driver) request() {
	b := d.tape.next()
	r := Request{Service: serviceNames[int(b)%3], Here: b&0x70 == 0x70}
	if b >= 128 {
		r.Timeout = time.Duration(b-127) * 20 * time.Millisecond
	}
	r.Client = []string{"A", "A", "A", "B"}[b/3%4]
	j := d.model.request(d.now, r)
	r.Message = j
	d.notef("request %v %+v", j, r)
	d.after(d.core.Request(d.now, r, nil))
}

// flap has a client go, or come back.
func (d *driver) flap(b byte) {
	client := int(b) % clients
	d.model.gone[client] = b >= 128
	d.notef("client %d gone: %v", client, d.model.gone[client])
}

func (d *driver) ready() {
	b := d.tape.next()
	// Most workers keep to their client and service.
	i := int(b) % len(inboxes)
	r := Ready{ID: WorkerID{Inbox: inboxes[i], Client: uint64(i / 2)}, Service: serviceNames[i%3], Said: d.now}
	if b%4 == 0 {
		r.Said = max(0, d.now-time.Second)
	}
	if b >= 200 {
		r.ID.Client, r.Service = uint64(b)%clients, serviceNames[b/8%3]
	}
	if i%2 == 0 {
		r.Cancel = "cancel." + r.ID.Inbox
	}
	d.notef("ready %+v", r)
	d.model.ready(r)
	d.after(d.core.Ready(d.now, r, nil))
}

func (d *driver) done() {
	a := d.attempt(d.model.dispatched)
	d.notef("done %d.%d", a.Slot, a.Generation)
	d.model.done(d.now, a)
	d.after(d.core.Done(d.now, a, answerOf(a), nil))
}

// answerOf is what is answered to an attempt, here and at peers.
func answerOf(a mesh.Attempt) any { return a }

func (d *driver) undelivered() {
	a := d.attempt(d.model.dispatched)
	d.notef("undelivered %d.%d", a.Slot, a.Generation)
	d.model.undelivered(a)
	d.after(d.core.Undelivered(d.now, a, nil))
}

func (d *driver) disconnect(client uint64) {
	d.notef("disconnect %d", client)
	d.model.disconnect(client)
	d.after(d.core.Disconnected(d.now, client, nil))
}

// endingOf has the end of a connection told before its last answers are in.
func (d *driver) endingOf(client uint64) {
	d.notef("ending %d", client)
	d.model.ending(client)
	d.core.Ending(d.now, client)
	d.after(nil)
}

// allDisconnected is the end of the node's own connection to its workers.
func (d *driver) allDisconnected() {
	d.notef("all disconnected")
	d.model.allDisconnected()
	d.after(d.core.AllDisconnected(d.now, nil))
}

func (d *driver) leave() {
	inbox := inboxes[d.tape.below(len(inboxes))]
	d.notef("leave %s", inbox)
	if d.core.Leave(d.now, inbox) != d.model.leave(inbox) {
		d.failf("the core and the model differ on worker %s", inbox)
	}
	d.after(nil)
}

func (d *driver) peerState() {
	m := d.capacity()
	s := mesh.State{Version: mesh.Version, Name: m.Node, Sequence: m.Sequence, Received: map[string]uint64{d.cfg.Name: m.Received}}
	switch b := d.tape.below(16); {
	case b == 0:
		s.Leaving, s.Draining = true, true
	case b == 1:
		s.Draining = true
	case b < 10:
		s.Services = []mesh.Load{load(m.Service, m)}
	default:
		for _, name := range serviceNames {
			s.Services = append(s.Services, load(name, m))
		}
	}
	d.notef("state %d %+v", m.Incarnation, s)
	d.model.cameBack = true
	d.after(d.core.PeerState(d.now, m.Incarnation, s, nil))
}

// load is a service's part of a state, with what a capacity says.
func load(service string, m mesh.Capacity) mesh.Load {
	return mesh.Load{
		Service: service, Workers: m.Workers, Idle: m.Idle, Waiting: m.Waiting, Excess: m.Excess,
		ServiceMS: float64(m.ServiceTime) / float64(time.Millisecond), Spare: m.Spare, Demand: m.Demand,
	}
}

func (d *driver) peerCapacity() {
	m := d.capacity()
	d.notef("capacity %+v", m)
	d.model.cameBack = true
	d.after(d.core.PeerCapacity(d.now, m, nil))
}

func (d *driver) guest() {
	b := d.tape.next()
	name := peerNames[int(b)%3]
	incarnation := mesh.Incarnation(1000*uint64(b%3+1) + d.runs[name])
	d.guestN++
	if last := d.model.guests[mesh.Attempt{Incarnation: 5, Random: d.guestN - 1}]; b >= 240 && last != nil && last.ends == 0 { // it came before
		d.guestN--
	}
	m := mesh.Delegation{
		Origin: name, Incarnation: incarnation, Attempt: mesh.Attempt{Incarnation: 5, Random: d.guestN},
		Service: serviceNames[b/4%3], Age: time.Duration(b) * time.Millisecond, Losses: int(b) % 4,
		Number: d.guestN, Patience: time.Duration(b%16) * 10 * time.Millisecond,
	}
	if b&8 != 0 {
		m.Left = time.Duration(1+b) * 10 * time.Millisecond
	}
	_, held := d.core.guests[m.Attempt]
	j := d.model.guest(d.now, m, held)
	d.notef("guest %v %+v", j, m)
	fx := d.core.Guest(d.now, m, j, nil)
	if held && len(fx) > 0 {
		d.failf("a guest that is here already has effects")
	}
	d.after(fx)
	d.question(m.Attempt, mesh.Attempt{Incarnation: 5, Random: d.guestN + 1 - uint64(b%32)})
}

// question has an origin ask about guests that it has sent, or not: each is in
// hand, or its answer is sent again, or it is told to be missing.
func (d *driver) question(about ...mesh.Attempt) {
	d.notef("question %v", about)
	for _, a := range about {
		d.model.again(a)
	}
	missing, fx := d.core.NotHeld(d.now, about, nil)
	for _, a := range about {
		j := d.model.guests[a]
		d.model.told(d.now, j, slices.Contains(missing, a), slices.ContainsFunc(fx, func(e Effect) bool { return e.Task == any(j) }))
	}
	d.after(fx)
}

// peerAnswers gives what a peer, or the server, says of a delegated task.
func (d *driver) peerAnswers(b int) {
	a := d.attempt(d.model.delegated)
	d.notef("peer's answer %d to %d.%d", b, a.Slot, a.Generation)
	d.model.cameBack = true
	switch {
	case b < 80:
		d.model.answered(d.core.delegated(a) != nil, a)
		d.after(d.core.Answered(d.now, a, answerOf(a), nil))
	case b < 84:
		d.after(d.core.Returned(d.now, a, d.tape.below(6), nil))
	case b < 86:
		if b == 85 {
			if d.core.delegated(a) != nil {
				d.model.byAttempt[a].here = true
			}
			d.after(d.core.TooLarge(d.now, a, nil))
			return
		}
		d.after(d.core.Unreachable(d.now, a, nil))
	default:
		d.after(d.core.Missing(d.now, peerNames[b%3], []mesh.Attempt{a, d.attempt(d.model.delegated), a}, nil))
	}
}

// pass lets time go on, with or without the tick that is due.
func (d *driver) pass() {
	b := d.tape.next()
	switch {
	case b < 64:
		d.now = max(d.now, d.core.Wake())
	case b < 240:
		d.now += time.Duration(b) * time.Millisecond
	default:
		d.now += longStep
	}
	if b%8 != 0 {
		d.tick()
	}
}

func (d *driver) tick() {
	d.notef("tick")
	d.model.tick(d.now)
	d.after(d.core.Tick(d.now, nil))
	if d.core.Wake() <= d.now {
		d.failf("a tick at %v leaves something due at %v", d.now, d.core.Wake())
	}
}

func (d *driver) drain() {
	d.notef("drain")
	d.core.Drain(d.now)
	d.model.draining = true
	d.after(nil)
}

func (d *driver) close() {
	d.notef("close")
	d.model.closing = true
	d.after(d.core.Close(d.now, nil))
}
