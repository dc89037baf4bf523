package mesh

import (
	"errors"
	"strconv"
	"strings"
)

// Capacity is a node's fresh load of one service, as it rides on every cloud
// message. It shares its sequence with the node's state messages, so the newer
// of two reports is known whichever way they came.
type Capacity struct {
	Node        string
	Incarnation Incarnation
	Sequence    uint64
	Service     string
	Workers     int
	Idle        int
	Waiting     int
}

// AppendText appends the capacity as the value of HeaderCapacity:
// "version;node;incarnation;sequence;service;workers;idle;waiting".
func (c Capacity) AppendText(to []byte) []byte {
	to = strconv.AppendInt(to, Version, 10)
	to = append(append(to, ';'), c.Node...)
	to = strconv.AppendUint(append(to, ';'), uint64(c.Incarnation), 36)
	to = strconv.AppendUint(append(to, ';'), c.Sequence, 10)
	to = append(append(to, ';'), c.Service...)
	to = strconv.AppendInt(append(to, ';'), int64(c.Workers), 10)
	to = strconv.AppendInt(append(to, ';'), int64(c.Idle), 10)
	return strconv.AppendInt(append(to, ';'), int64(c.Waiting), 10)
}

// ParseCapacity reads what Capacity.AppendText writes, of this protocol version
// or a neighbouring one. Fields that a later version appends are ignored.
func ParseCapacity(s string) (Capacity, error) {
	f, ok := eightFields(s)
	if !ok {
		return Capacity{}, errors.New("malformed capacity")
	}
	if err := checkVersion(f[0]); err != nil {
		return Capacity{}, err
	}
	c := Capacity{Node: f[1], Service: f[4]}
	if CheckToken(c.Node) != nil || c.Service != "" && CheckToken(c.Service) != nil {
		return Capacity{}, errors.New("malformed capacity")
	}
	var errs [5]error
	c.Incarnation, errs[0] = ParseIncarnation(f[2])
	c.Sequence, errs[1] = strconv.ParseUint(f[3], 10, 64)
	c.Workers, errs[2] = strconv.Atoi(f[5])
	c.Idle, errs[3] = strconv.Atoi(f[6])
	c.Waiting, errs[4] = strconv.Atoi(f[7])
	if errors.Join(errs[:]...) != nil || !possible(c.Workers, c.Idle, c.Waiting) {
		return Capacity{}, errors.New("malformed capacity")
	}
	return c, nil
}

// eightFields returns the first eight of the fields that semicolons part, and
// whether there are so many. It allocates nothing.
func eightFields(s string) (f [8]string, ok bool) {
	for i := range f {
		if i > 0 && !ok {
			return f, false
		}
		f[i], s, ok = strings.Cut(s, ";")
	}
	return f, true
}
