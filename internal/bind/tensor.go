package bind

import (
	"slices"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// tensor is a *typed of either element type.
type tensor interface {
	bind(v gorgonia.ValueGrad) (moved, changed bool, err error)
	extents() (weight, grad extent)
	share(bool)
	home() uintptr
	gather() (copied bool)
	scatter()
	settle()
	zeroGrad()
	place(m *flat.Model)
}

// typed is a weight with its gradient.
type typed[T kernel.Float] struct {
	w, g           []T // in row-major order: in Gorgonia's memory, or else in the spares
	index          int // in the model
	weight, grad   buffer[T]
	hasGrad        bool // the gradient is bound, too
	borrowed       bool // the gradient is the value of a graph node, not ours to write
	shared         bool // another weight has the same gradient memory
	spareW, spareG []T
	shape          []int // of the weight in the first step
	origin         *T    // see home; keeps the memory from serving another weight meanwhile
}

// newTensor returns a tensor without memory.
func newTensor(t flat.Tensor, index int, hasGrad bool) tensor {
	if t.Dtype == flat.Float32 {
		return &typed[float32]{index: index, shape: t.Shape, hasGrad: hasGrad}
	}
	return &typed[float64]{index: index, shape: t.Shape, hasGrad: hasGrad}
}

// place gives the elements to passes.
func (t *typed[T]) place(m *flat.Model) {
	if t.hasGrad {
		flat.Place(m, t.index, t.w, t.g)
	} else {
		flat.Place[T](m, t.index, t.w, nil)
	}
}

// bind takes up the memory of v. It reports whether the memory has moved since the last call and,
// with an error, whether the weight differs from the first step.
func (t *typed[T]) bind(v gorgonia.ValueGrad) (moved, changed bool, err error) {
	if moved, changed, err = t.take(v); err != nil {
		t.weight.tensor, t.grad.tensor = nil, nil // the next bind must not take them for known
	}
	return moved, changed, err
}

// take does the work of bind, but leaves the tensors known after an error.
func (t *typed[T]) take(v gorgonia.ValueGrad) (moved, changed bool, err error) {
	value := v.Value()
	movedW, err := t.weight.bind(value)
	if err != nil {
		return false, !IsNil(value), errors.WithMessage(err, "weight")
	}
	if t.weight.fresh && !slices.Equal(t.weight.shape, t.shape) {
		return false, true,
			errors.Errorf("weight: shape %v, in the first step %v", t.weight.shape, t.shape)
	}
	if !t.hasGrad {
		return movedW, false, nil
	}
	g, err := v.Grad()
	if err != nil {
		return false, false, errors.WithMessage(err, "gradient")
	}
	movedG, err := t.grad.bind(g)
	if err != nil {
		return false, false, errors.WithMessage(err, "gradient")
	}
	if !t.weight.fresh && !t.grad.fresh {
		return false, false, nil
	}
	if !slices.Equal(t.grad.layout.sizes, t.weight.layout.sizes) {
		return false, false,
			errors.Errorf("gradient: shape %v, the weight has %v", t.grad.shape, t.weight.shape)
	}
	t.borrowed = false
	// A *gorgonia.Node, or a type that embeds one.
	if n, ok := v.(interface{ Deriv() *gorgonia.Node }); ok && n.Deriv() != nil {
		t.borrowed = n.Deriv().Value() == g
	}
	return movedW || movedG, false, nil
}

// extents returns the memory of the weight and, if a step writes to it, of the gradient.
func (t *typed[T]) extents() (weight, grad extent) {
	weight = t.weight.extent()
	if t.hasGrad && !t.borrowed {
		grad = t.grad.extent()
	}
	return weight, grad
}

func (t *typed[T]) share(shared bool) { t.shared = shared }

// home is where the weight lay in the last successful step.
func (t *typed[T]) home() uintptr { return address(t.origin) }

// gather copies weights and gradients that do not lie flat in memory into the spares.
func (t *typed[T]) gather() (copied bool) {
	t.w, t.g = t.weight.data, t.grad.data
	if !t.weight.rowMajor {
		t.spareW = t.weight.copyTo(t.spareW)
		t.w = t.spareW
	}
	if t.gradCopied() {
		t.spareG = t.grad.copyTo(t.spareG)
		t.g = t.spareG
	}
	return !t.weight.rowMajor || t.gradCopied()
}

// gradCopied reports whether a step works on a copy of the gradient.
func (t *typed[T]) gradCopied() bool {
	return t.hasGrad && (!t.grad.rowMajor || t.borrowed || t.shared)
}

// scatter undoes gather after a step: it copies weights back and zeroes gradients.
func (t *typed[T]) scatter() {
	if !t.weight.rowMajor {
		t.weight.copyFrom(t.w)
	}
	if t.gradCopied() {
		t.zeroGrad()
	}
}

// settle makes the place of the weight its home.
func (t *typed[T]) settle() { t.origin = &t.weight.data[0] }

func (t *typed[T]) zeroGrad() {
	if !t.borrowed {
		t.grad.zero()
	}
}
