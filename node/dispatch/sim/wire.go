package sim

import (
	"encoding/json"
	"time"

	"github.com/brokermesh/brokermesh/mesh"
)

// wireDelegation passes a delegation through its encoding, if the world does.
func (w *World) wireDelegation(d mesh.Delegation) mesh.Delegation {
	if !w.opt.Wire {
		return d
	}
	got, err := mesh.ParseDelegation(string(d.AppendText(nil)))
	if err != nil {
		w.fail("wire: %+v: %v", d, err)
		return d
	}
	return got
}

// wireCapacity passes a capacity through its encoding, if the world does.
func (w *World) wireCapacity(c mesh.Capacity) mesh.Capacity {
	if !w.opt.Wire {
		return c
	}
	got, err := mesh.ParseCapacity(string(c.AppendText(nil)))
	if err != nil || got != c {
		w.fail("wire: %+v became %+v: %v", c, got, err)
		return c
	}
	return got
}

// wireState passes a state through its encoding, if the world does.
func (w *World) wireState(name string, s mesh.State, i mesh.Incarnation) (mesh.State, mesh.Incarnation) {
	if !w.opt.Wire {
		return s, i
	}
	s.SentAt = time.Unix(0, 0).Add(w.now).UTC()
	data, err := json.Marshal(s)
	if err != nil {
		w.fail("wire: %v", err)
		return s, i
	}
	got, incarnation, err := mesh.ParseState(name, data)
	if err != nil || incarnation != i {
		w.fail("wire: %s: %v", data, err)
		return s, i
	}
	return got, incarnation
}
