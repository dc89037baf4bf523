package mesh

import "slices"

// Sparse reports whether the mesh is so large that news go to neighbours only, by
// the last Choose.
func (ps *Peers) Sparse() bool { return ps.sparse }

// Choose finds out which peers are the neighbours of the node, self, if the mesh
// has changed since the last time. It returns the names of those whose news are
// to be followed from now on, and no more, each in order of name; in a mesh of up
// to FullMesh nodes none are, since everybody tells all.
func (ps *Peers) Choose(self string) (follow, leave []string) {
	if !ps.changed {
		return nil, nil
	}
	ps.changed = false
	members := make([]Member, 1, 1+len(ps.list))
	members[0] = Member{self, ps.Region}
	for _, p := range ps.list {
		if !p.left {
			members = append(members, Member{p.Name, p.region})
		}
	}
	was := ps.followed
	ps.sparse, ps.followed = len(members) > FullMesh, nil
	if ps.sparse {
		ps.followed = Neighbours(members, self)
	}
	moved := false
	for _, p := range ps.list {
		near := !ps.sparse || contains(ps.followed, p.Name)
		moved = moved || near != p.near
		p.near = near
	}
	if moved {
		ps.sort()
	}
	return without(ps.followed, was), without(was, ps.followed)
}

// without returns the names that are not among the others, all in order.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return contains(others, name) })
}

func contains(sorted []string, name string) bool {
	_, found := slices.BinarySearch(sorted, name)
	return found
}
