package node

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// fences tells the loop which connections ended. The system account's event
// overtakes the last answers of the connection it tells of: those wait on the
// dispatch connection. So the loop sends itself a message over that one, behind
// them, and counts what is in hand as lost when that arrives. From the event on
// the connection gets no dispatch: what was sent to it before the fence, and
// found no subscriber, has come back when the fence arrives.
type fences struct {
	subject string // + client id
	ended   chan uint64
	log     *slog.Logger
}

// watch begins to tell of every connection that ends, until done is closed.
func (f fences) watch(system *nats.Conn, done <-chan struct{}) error {
	_, err := system.Subscribe("$SYS.ACCOUNT."+localAccount+".DISCONNECT", func(m *nats.Msg) {
		var event struct {
			Client struct {
				ID uint64 `json:"id"`
			} `json:"client"`
		}
		if err := json.Unmarshal(m.Data, &event); err != nil || event.Client.ID == 0 {
			f.log.Error("malformed disconnect event of the local server", "error", err)
			return
		}
		select {
		case f.ended <- event.Client.ID:
		case <-done:
		}
	})
	return err
}

// client returns the connection that a fence is about.
func (f fences) client(m *nats.Msg) (uint64, bool) {
	rest, ok := strings.CutPrefix(m.Subject, f.subject)
	if !ok {
		return 0, false
	}
	client, err := strconv.ParseUint(rest, 10, 64)
	return client, err == nil
}

// onEnded takes the end of a connection, whose last answers may still be on
// their way: the fence comes behind them.
func (l *loop) onEnded(client uint64) {
	l.departed.add(client)
	l.core.Ending(l.now(), client)
	l.publish(&nats.Msg{Subject: l.fences.subject + strconv.FormatUint(client, 10)})
}

// departed remembers the connections that ended lately, so that a census made
// before does not bring them back. Client ids are never used twice.
type departed struct {
	set  map[uint64]struct{}
	ring []uint64
	next int
}

const departedKept = 1 << 14

func (d *departed) add(client uint64) {
	if d.set == nil {
		d.set = make(map[uint64]struct{})
	}
	if len(d.ring) < departedKept {
		d.ring = append(d.ring, client)
	} else {
		delete(d.set, d.ring[d.next])
		d.ring[d.next] = client
		d.next = (d.next + 1) % departedKept
	}
	d.set[client] = struct{}{}
}

func (d *departed) has(client uint64) bool {
	_, ok := d.set[client]
	return ok
}
