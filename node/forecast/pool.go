package forecast

// pool holds things that events refer to by number, and uses them again.
type pool[T any] struct {
	all  []*T
	free []int32
}

// take returns a thing and its number. What was in it is still there.
func (p *pool[T]) take() (*T, int32) {
	if n := len(p.free); n > 0 {
		id := p.free[n-1]
		p.free = p.free[:n-1]
		return p.all[id], id
	}
	const chunk = 256
	block := make([]T, chunk)
	first := int32(len(p.all))
	for i := range block {
		p.all = append(p.all, &block[i])
	}
	for i := first + chunk - 1; i > first; i-- {
		p.free = append(p.free, i)
	}
	return p.all[first], first
}

func (p *pool[T]) at(id int32) *T { return p.all[id] }

func (p *pool[T]) release(id int32) { p.free = append(p.free, id) }
