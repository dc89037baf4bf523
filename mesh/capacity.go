package mesh

import (
	"errors"
	"strconv"
	"strings"
	"time"
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
	Excess      int           // these and the next as in Load
	ServiceTime time.Duration // to the microsecond on the wire
	Spare       float64
	Demand      float64
	Received    uint64 // number of the last delegated task that came from the receiver, of any service
}

// AppendText appends the capacity as the value of HeaderCapacity:
// "version;node;incarnation;sequence;service;workers;idle;waiting;excess;service
// time in microseconds;spare;demand;received".
func (c Capacity) AppendText(to []byte) []byte {
	to = strconv.AppendInt(to, Version, 10)
	to = append(append(to, ';'), c.Node...)
	to = strconv.AppendUint(append(to, ';'), uint64(c.Incarnation), 36)
	to = strconv.AppendUint(append(to, ';'), c.Sequence, 10)
	to = append(append(to, ';'), c.Service...)
	to = strconv.AppendInt(append(to, ';'), int64(c.Workers), 10)
	to = strconv.AppendInt(append(to, ';'), int64(c.Idle), 10)
	to = strconv.AppendInt(append(to, ';'), int64(c.Waiting), 10)
	to = strconv.AppendInt(append(to, ';'), int64(c.Excess), 10)
	to = strconv.AppendInt(append(to, ';'), c.ServiceTime.Microseconds(), 10)
	to = strconv.AppendFloat(append(to, ';'), c.Spare, 'f', 2, 64)
	to = strconv.AppendFloat(append(to, ';'), c.Demand, 'f', 2, 64)
	return strconv.AppendUint(append(to, ';'), c.Received, 10)
}

// ParseCapacity reads what Capacity.AppendText writes, of this protocol version
// or a neighbouring one. Fields that a later version appends are ignored.
func ParseCapacity(s string) (Capacity, error) {
	var f [13]string
	if !cutFields(s, f[:]) {
		return Capacity{}, errors.New("malformed capacity")
	}
	if err := checkVersion(f[0]); err != nil {
		return Capacity{}, err
	}
	c := Capacity{Node: f[1], Service: f[4]}
	if CheckToken(c.Node) != nil || c.Service != "" && CheckToken(c.Service) != nil {
		return Capacity{}, errors.New("malformed capacity")
	}
	var errs [10]error
	c.Incarnation, errs[0] = ParseIncarnation(f[2])
	c.Sequence, errs[1] = strconv.ParseUint(f[3], 10, 64)
	c.Workers, errs[2] = strconv.Atoi(f[5])
	c.Idle, errs[3] = strconv.Atoi(f[6])
	c.Waiting, errs[4] = strconv.Atoi(f[7])
	c.Excess, errs[5] = strconv.Atoi(f[8])
	c.ServiceTime, errs[6] = parseTime(f[9], time.Microsecond)
	c.Spare, errs[7] = strconv.ParseFloat(f[10], 64)
	c.Demand, errs[8] = strconv.ParseFloat(f[11], 64)
	c.Received, errs[9] = strconv.ParseUint(f[12], 10, 64)
	if errors.Join(errs[:]...) != nil || !possible(c.Workers, c.Idle, c.Waiting, c.Excess) ||
		!sensible(c.Spare) || !sensible(c.Demand) {
		return Capacity{}, errors.New("malformed capacity")
	}
	return c, nil
}

// cutFields reads the first fields of a header; more may follow.
func cutFields(s string, f []string) (ok bool) {
	for i := range f {
		if i > 0 && !ok {
			return false
		}
		f[i], s, ok = strings.Cut(s, ";")
	}
	return true
}
