package mesh

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// Headers. NATS header names are case-sensitive. Every header that starts with
// HeaderPrefix belongs to the mesh: it is taken off what a client sends, save
// HeaderTimeout.
const (
	HeaderPrefix = "Mesh-"

	// HeaderTimeout says how long the client will wait, as a Go duration or a
	// number of seconds; on a dispatch, how long the worker has left.
	HeaderTimeout = "Mesh-Timeout"

	HeaderNode    = "Mesh-Node"    // reply: the node that did the task
	HeaderWorker  = "Mesh-Worker"  // READY: the worker's name; reply: who did it
	HeaderAttempt = "Mesh-Attempt" // reply: the attempt that was answered; cancel: the one that counts no more
	HeaderCancel  = "Mesh-Cancel"  // READY: where the worker wants to be told that its task counts no more
	HeaderHops    = "Mesh-Hops"    // reply: 0 done at home, 1 done at a peer

	// HeaderDelegated is the attempt under which a peer got the task, on the reply
	// to one that was done there: what its node can be asked about (SubjectWhy).
	HeaderDelegated = "Mesh-Delegated"

	HeaderDelegation = "Mesh-Delegation" // cloud request: see Delegation
	HeaderCapacity   = "Mesh-Capacity"   // every cloud message: see Capacity
	HeaderRefusal    = "Mesh-Refusal"    // cloud answer: the delegated task was not done, and why
	HeaderWho        = "Mesh-Who"        // cloud request: asks a name's holder for its Identity

	// HeaderRetry, on an error reply, says how the request may yet be answered:
	// RetryElsewhere.
	HeaderRetry = "Mesh-Retry"

	// The error headers of NATS micro services.
	HeaderErrorCode = "Nats-Service-Error-Code"
	HeaderError     = "Nats-Service-Error"
)

// RetryElsewhere is the HeaderRetry of a node that shuts down: send the request
// again to another node, or to this one when it is back.
const RetryElsewhere = "elsewhere"

// Code classifies an error reply, after HTTP.
type Code int

// The codes of error replies.
const (
	CodeBadRequest  Code = 400 // malformed, or larger than a task may be
	CodeNoService   Code = 404 // no node of the mesh has a worker for the service
	CodeConflict    Code = 409 // the message id was used for another payload
	CodeQueueFull   Code = 429 // the node's queue is at its limit
	CodeFailed      Code = 500 // the worker failed, or died too often
	CodeUnavailable Code = 503 // no worker became free in time
	CodeDeadline    Code = 504 // the client's own deadline passed
)

// ErrorHeader returns the headers that make a message an error reply.
func ErrorHeader(code Code, text string) map[string][]string {
	return map[string][]string{HeaderErrorCode: {strconv.Itoa(int(code))}, HeaderError: {text}}
}

// ParseCode reads a HeaderErrorCode; 0: there is none, so no error. A worker may send
// what it likes: what is no number, or says that all is well, is a failure.
func ParseCode(s string) Code {
	if s == "" {
		return 0
	}
	if code, err := strconv.Atoi(s); err == nil && code > 0 {
		return Code(code)
	}
	return CodeFailed
}

// ParseTimeout reads a HeaderTimeout: a Go duration ("1.5s", "250ms") or a
// number of seconds ("30"). It must be above zero and at most MaxTimeout.
func ParseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		seconds, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || math.IsNaN(seconds) {
			return 0, errors.New("want a duration such as 30s or 250ms, or a number of seconds")
		}
		d = time.Duration(max(0, min(seconds, 2*MaxTimeout.Seconds())) * float64(time.Second))
	}
	if d <= 0 || d > MaxTimeout {
		return 0, errors.New("want more than 0 and at most " + MaxTimeout.String())
	}
	return d, nil
}

// FormatTimeout writes a HeaderTimeout as seconds, to the millisecond, never
// less than one: what every language can read.
func FormatTimeout(d time.Duration) string {
	return strconv.FormatFloat(max(d, time.Millisecond).Seconds(), 'f', 3, 64) + "s"
}

// MaxTimeout is the longest time a client may ask to wait.
const MaxTimeout = 30 * 24 * time.Hour

// Delegation is what a node tells a peer about a task it hands over. Times are
// relative, so no two clocks need to agree.
type Delegation struct {
	Origin      string        // the node whose client sent the task
	Incarnation Incarnation   // of the origin
	Attempt     Attempt       // the origin's id for this try
	Service     string        // "" is the default service
	Age         time.Duration // since the origin took the task in
	Left        time.Duration // until the client's deadline; 0: it set none
	Losses      int           // workers and peers that died with the task so far
	Number      uint64        // of this delegation among those to this peer, of all services
	Patience    time.Duration // how long it would wait at its origin: it is queued at the peer if that is not longer
}

// AppendText appends the delegation as the value of HeaderDelegation:
// "version;origin;incarnation;attempt;service;age;left;losses;number;patience", with
// left in milliseconds, age and patience in microseconds.
func (d Delegation) AppendText(to []byte) []byte {
	to = strconv.AppendInt(to, Version, 10)
	to = append(append(to, ';'), d.Origin...)
	to = strconv.AppendUint(append(to, ';'), uint64(d.Incarnation), 36)
	to = d.Attempt.AppendText(append(to, ';'))
	to = append(append(to, ';'), d.Service...)
	to = strconv.AppendInt(append(to, ';'), d.Age.Microseconds(), 10)
	left := d.Left.Milliseconds()
	if d.Left > 0 {
		left = max(left, 1) // 0 would say that there is no deadline
	}
	to = strconv.AppendInt(append(to, ';'), left, 10)
	to = strconv.AppendInt(append(to, ';'), int64(d.Losses), 10)
	to = strconv.AppendUint(append(to, ';'), d.Number, 10)
	return strconv.AppendInt(append(to, ';'), min(d.Patience, MaxTimeout).Microseconds(), 10)
}

// ParseDelegation reads what Delegation.AppendText writes, of this protocol
// version or a neighbouring one. Fields that a later version appends are
// ignored.
func ParseDelegation(s string) (Delegation, error) {
	var f [10]string
	if !cutFields(s, f[:]) {
		return Delegation{}, errors.New("malformed delegation")
	}
	if err := checkVersion(f[0]); err != nil {
		return Delegation{}, err
	}
	d := Delegation{Origin: f[1], Service: f[4]}
	if err := CheckToken(d.Origin); err != nil {
		return Delegation{}, errors.New("malformed origin")
	}
	if d.Service != "" && CheckToken(d.Service) != nil {
		return Delegation{}, errors.New("malformed service")
	}
	var errs [7]error
	d.Incarnation, errs[0] = ParseIncarnation(f[2])
	d.Attempt, errs[1] = ParseAttempt(f[3])
	d.Age, errs[2] = parseTime(f[5], time.Microsecond)
	d.Left, errs[3] = parseTime(f[6], time.Millisecond)
	d.Losses, errs[4] = strconv.Atoi(f[7])
	d.Number, errs[5] = strconv.ParseUint(f[8], 10, 64)
	d.Patience, errs[6] = parseTime(f[9], time.Microsecond)
	if err := errors.Join(errs[:]...); err != nil || d.Losses < 0 {
		return Delegation{}, errors.New("malformed delegation")
	}
	return d, nil
}

// parseTime reads a number of units, up to MaxTimeout.
func parseTime(s string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > int64(MaxTimeout/unit) {
		return 0, errors.New("malformed time")
	}
	return time.Duration(n) * unit, nil
}
