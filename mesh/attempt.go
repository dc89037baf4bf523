package mesh

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
)

// Incarnation is the random identity of one run of a node: a node that
// restarts has another. It is compared for equality only; it has no order.
type Incarnation uint64

// NewIncarnation makes an incarnation of a random number, all bits of which may be
// set. The top one is left out: then the texts of its attempts begin with a
// letter, where a dash would be a flag to whatever command gets one.
func NewIncarnation(random uint64) Incarnation { return Incarnation(max(1, random>>1)) }

// String returns the incarnation as 13 or fewer characters of 0-9 a-z.
func (i Incarnation) String() string { return strconv.FormatUint(uint64(i), 36) }

// ParseIncarnation reads what Incarnation.String writes.
func ParseIncarnation(s string) (Incarnation, error) {
	n, err := strconv.ParseUint(s, 36, 64)
	if err != nil || n == 0 {
		return 0, errors.New("malformed incarnation")
	}
	return Incarnation(n), nil
}

// Attempt identifies one dispatch of a task: to a worker (the slot is the
// worker's) or to a peer (the slot is the task's). A slot's generation grows
// with each use, so a late answer hits nothing; the random part keeps others
// from guessing one. The zero Attempt is no attempt.
type Attempt struct {
	Incarnation Incarnation
	Slot        uint32
	Generation  uint32
	Random      uint64
}

const (
	attemptBytes = 24
	attemptLen   = attemptBytes * 4 / 3 // base64, no padding needed
)

// AppendText appends the attempt as one token of 32 characters.
func (a Attempt) AppendText(to []byte) []byte {
	var raw [attemptBytes]byte
	binary.BigEndian.PutUint64(raw[0:], uint64(a.Incarnation))
	binary.BigEndian.PutUint32(raw[8:], a.Slot)
	binary.BigEndian.PutUint32(raw[12:], a.Generation)
	binary.BigEndian.PutUint64(raw[16:], a.Random)
	return base64.RawURLEncoding.AppendEncode(to, raw[:])
}

// String returns the attempt as one token of 32 characters.
func (a Attempt) String() string {
	var buf [attemptLen]byte
	return string(a.AppendText(buf[:0]))
}

// ParseAttempt reads what AppendText writes.
func ParseAttempt(s string) (Attempt, error) {
	var raw [attemptBytes]byte
	if len(s) != attemptLen {
		return Attempt{}, errors.New("malformed attempt")
	}
	// Fewer bytes than that come of a text with line breaks, which Decode skips.
	if n, err := base64.RawURLEncoding.Decode(raw[:], []byte(s)); err != nil || n != attemptBytes {
		return Attempt{}, errors.New("malformed attempt")
	}
	return Attempt{
		Incarnation: Incarnation(binary.BigEndian.Uint64(raw[0:])),
		Slot:        binary.BigEndian.Uint32(raw[8:]),
		Generation:  binary.BigEndian.Uint32(raw[12:]),
		Random:      binary.BigEndian.Uint64(raw[16:]),
	}, nil
}
