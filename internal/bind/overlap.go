package bind

import (
	"cmp"
	"slices"
	"unsafe"
)

// extent is the range of addresses of a weight or a gradient.
type extent struct {
	from, to uintptr
	param    int                       // index of the parameter
	grad     bool                      // the memory belongs to the gradient
	sparse   func(yield func(uintptr)) // yields the addresses of a range with gaps; otherwise nil
}

// of returns the name of the memory in messages. name is the parameter's name.
func (e extent) of(name string) string {
	if e.grad {
		return "the gradient of " + name
	}
	return name
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

func (b *buffer[T]) extent() extent {
	from, size := address(&b.data[0]), unsafe.Sizeof(b.data[0])
	e := extent{from: from, to: from + uintptr(len(b.data))*size}
	if !b.rowMajor {
		e.sparse = func(yield func(uintptr)) {
			b.layout.each(func(i int) { yield(from + uintptr(i)*size) })
		}
	}
	return e
}

// meets reports whether two ranges have an address in common.
func (e extent) meets(o extent) bool {
	if e.to <= o.from || o.to <= e.from {
		return false
	}
	if e.sparse == nil && o.sparse == nil {
		return true
	}
	if e.sparse == nil {
		e, o = o, e
	}
	mine, found := map[uintptr]bool{}, false
	e.sparse(func(a uintptr) {
		mine[a] = true
		found = found || o.sparse == nil && o.from <= a && a < o.to
	})
	if o.sparse != nil {
		o.sparse(func(a uintptr) { found = found || mine[a] })
	}
	return found
}

// overlaps calls f for each pair of ranges that have an address in common, until it returns an
// error. It sorts the ranges.
func overlaps(ranges []extent, f func(a, b extent) error) error {
	slices.SortFunc(ranges, func(a, b extent) int { return cmp.Compare(a.from, b.from) })
	for i, a := range ranges {
		for _, b := range ranges[i+1:] {
			if b.from >= a.to {
				break
			}
			if !a.meets(b) {
				continue
			}
			if err := f(a, b); err != nil {
				return err
			}
		}
	}
	return nil
}
