package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// bare speaks the protocol of docs/protocol.md over a TCP connection, without
// any NATS library. It is for one goroutine, the test's own.
type bare struct {
	t    testing.TB
	conn net.Conn
	read *bufio.Reader
	sid  int
}

// bareMsg is one MSG or HMSG.
type bareMsg struct {
	subject, reply, body string
	header               textproto.MIMEHeader // nil of a MSG; names as they came
	status               string               // of the server's own messages
}

// dialBare connects to a node's local port.
func dialBare(t testing.TB, m *nodetest.Mesh, name string) *bare {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(m.Node(name).LocalURL(), "nats://"), nodetest.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	b := &bare{t: t, conn: conn, read: bufio.NewReader(conn)}
	if line := b.line(); !strings.HasPrefix(line, "INFO {") || !strings.Contains(line, `"headers":true`) {
		t.Fatalf("the server began with %q", line)
	}
	b.send(`CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}` + "\r\n")
	b.flush()
	return b
}

// send writes protocol text as it is.
func (b *bare) send(text string) {
	b.t.Helper()
	_ = b.conn.SetWriteDeadline(time.Now().Add(nodetest.Timeout))
	if _, err := io.WriteString(b.conn, text); err != nil {
		b.t.Fatal(err)
	}
}

// line reads one protocol line without its end.
func (b *bare) line() string {
	b.t.Helper()
	_ = b.conn.SetReadDeadline(time.Now().Add(nodetest.Timeout))
	line, err := b.read.ReadString('\n')
	if err != nil {
		b.t.Fatalf("read: %v", err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// operation reads the next line that is no PING, which it answers.
func (b *bare) operation() string {
	b.t.Helper()
	for {
		switch line := b.line(); {
		case line == "PING":
			b.send("PONG\r\n")
		case strings.HasPrefix(line, "-ERR"):
			b.t.Fatalf("the server says %s", line)
		case strings.HasPrefix(line, "INFO "):
		default:
			return line
		}
	}
}

// flush waits until the server has taken everything sent before. No message may
// be on its way.
func (b *bare) flush() {
	b.t.Helper()
	b.send("PING\r\n")
	if got := b.operation(); got != "PONG" {
		b.t.Fatalf("%q in answer to PING", got)
	}
}

// next reads the next message.
func (b *bare) next() bareMsg {
	b.t.Helper()
	line := b.operation()
	words := strings.Fields(line)
	var m bareMsg
	headers := words[0] == "HMSG"
	sizes := 1
	if headers {
		sizes = 2
	}
	if !headers && words[0] != "MSG" || len(words) < 3+sizes || len(words) > 4+sizes {
		b.t.Fatalf("%q is no message", line)
	}
	m.subject = words[1]
	if len(words) == 4+sizes {
		m.reply = words[3]
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		b.t.Fatalf("%q: %v", line, err)
	}
	data := make([]byte, size+2)
	_ = b.conn.SetReadDeadline(time.Now().Add(nodetest.Timeout))
	if _, err := io.ReadFull(b.read, data); err != nil || !bytes.HasSuffix(data, []byte("\r\n")) {
		b.t.Fatalf("%q followed by %q: %v", line, data, err)
	}
	data = data[:size]
	if headers {
		n, err := strconv.Atoi(words[len(words)-2])
		if err != nil || n > size {
			b.t.Fatalf("%q: %v", line, err)
		}
		m.status, m.header = bareHeader(b.t, string(data[:n]))
		data = data[n:]
	}
	m.body = string(data)
	return m
}

// bareHeader reads a header block, without changing the case of any name.
func bareHeader(t testing.TB, block string) (status string, header textproto.MIMEHeader) {
	t.Helper()
	first, rest, _ := strings.Cut(block, "\r\n")
	status, ok := strings.CutPrefix(first, "NATS/1.0")
	if !ok || !strings.HasSuffix(block, "\r\n\r\n") {
		t.Fatalf("%q is no header", block)
	}
	header = textproto.MIMEHeader{}
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\r\n\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header[name] = append(header[name], strings.TrimSpace(value))
		}
	}
	return strings.TrimSpace(status), header
}

// get returns the first value of a header, "" without one.
func (m bareMsg) get(name string) string {
	if v := m.header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// sub subscribes to a subject.
func (b *bare) sub(subject string) (sid int) {
	b.t.Helper()
	b.sid++
	b.send(fmt.Sprintf("SUB %s %d\r\n", subject, b.sid))
	return b.sid
}

// pub publishes a message; reply may be empty. Each header is one "Name: value".
func (b *bare) pub(subject, reply, body string, headers ...string) {
	b.t.Helper()
	to := subject
	if reply != "" {
		to += " " + reply
	}
	if headers == nil {
		b.send(fmt.Sprintf("PUB %s %d\r\n%s\r\n", to, len(body), body))
		return
	}
	block := "NATS/1.0\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
	b.send(fmt.Sprintf("HPUB %s %d %d\r\n%s%s\r\n", to, len(block), len(block)+len(body), block, body))
}

// request sends a task as a client that subscribed to "answers" would, and
// returns the answer.
func (b *bare) request(subject, body string, headers ...string) bareMsg {
	b.t.Helper()
	b.pub(subject, "answers", body, headers...)
	return b.next()
}

// bareClient connects a client of DC1 whose answers come to "answers".
func bareClient(t testing.TB, m *nodetest.Mesh) *bare {
	t.Helper()
	b := dialBare(t, m, "DC1")
	b.sub("answers")
	b.flush()
	return b
}

// bareWorker connects a worker and waits until the node knows it.
func bareWorker(t testing.TB, m *nodetest.Mesh, name, service, inbox string, headers ...string) *bare {
	t.Helper()
	b := dialBare(t, m, name)
	had := m.View(name).Load(service).Workers
	b.sub(inbox)
	subject := "localbe.ready"
	if service != "" {
		subject += "." + service
	}
	b.pub(subject, inbox, "", headers...)
	m.AwaitWorkers(name, service, had+1)
	return b
}

// dispatched reads the next message, which has to be a task with this body.
func (b *bare) dispatched(body string) bareMsg {
	b.t.Helper()
	m := b.next()
	if !strings.HasPrefix(m.reply, "localbe.done.") || m.body != body {
		b.t.Fatalf("got %+v, want the task %q", m, body)
	}
	return m
}
