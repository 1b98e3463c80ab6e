package bind

import (
	"slices"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
)

// tensor is a *typed of any element type. Its methods are described there.
type tensor interface {
	bind(v gorgonia.ValueGrad) (moved, changed bool, err error)
	extents() (weight, grad extent)
	share(bool)
	home() uintptr
	gather() (copied bool)
	scatter()
	setHome()
	zeroGrad()
	place(m *flat.Model)
}

// typed is a weight with its gradient.
type typed[T kernel.Float] struct {
	w, g           []T // elements in row-major order, in Gorgonia's memory or in the spares
	index          int // index in the model
	weight, grad   buffer[T]
	hasGrad        bool  // the gradient is bound, too
	borrowed       bool  // the gradient is the value of a graph node, so a step must not write it
	shared         bool  // another weight has the same gradient memory
	spareW, spareG []T   // copies of weight and gradient
	shape          []int // shape of the weight in the first step
	origin         *T    // the home; a pointer, so that no other weight can get this memory
}

// newTensor returns a tensor that is not bound.
func newTensor(t flat.Tensor, index int, hasGrad bool) tensor {
	if t.Dtype == flat.Float32 {
		return &typed[float32]{index: index, shape: t.Shape, hasGrad: hasGrad}
	}
	return &typed[float64]{index: index, shape: t.Shape, hasGrad: hasGrad}
}

// place gives the elements to the passes over m.
func (t *typed[T]) place(m *flat.Model) {
	if t.hasGrad {
		flat.Place(m, t.index, t.w, t.g)
	} else {
		flat.Place[T](m, t.index, t.w, nil)
	}
}

// bind binds the memory of v. It reports whether the memory or its layout has changed since the
// last call. If bind returns an error, changed reports whether the weight differs from the first
// step.
func (t *typed[T]) bind(v gorgonia.ValueGrad) (moved, changed bool, err error) {
	if moved, changed, err = t.take(v); err != nil {
		t.weight.tensor, t.grad.tensor = nil, nil // so that the next bind checks everything
	}
	return moved, changed, err
}

// take does the work of bind. After an error the buffers can be half bound.
func (t *typed[T]) take(v gorgonia.ValueGrad) (moved, changed bool, err error) {
	value := v.Value()
	movedW, err := t.weight.bind(value)
	if err != nil {
		return false, !IsNil(value), errors.WithMessage(err, "weight")
	}
	if t.weight.fresh && !slices.Equal(t.weight.shape, t.shape) {
		return false, true,
			errors.Errorf("the weight has shape %v, but in the first step it had %v",
				t.weight.shape, t.shape)
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
			errors.Errorf("the gradient has shape %v, but the weight has %v", t.grad.shape,
				t.weight.shape)
	}
	t.borrowed = false
	// v is a *gorgonia.Node or embeds one.
	if n, ok := v.(interface{ Deriv() *gorgonia.Node }); ok && n.Deriv() != nil {
		t.borrowed = n.Deriv().Value() == g
	}
	return movedW || movedG, false, nil
}

// extents returns the memory of the weight and of the gradient. grad is empty if a step does not
// write to the gradient.
func (t *typed[T]) extents() (weight, grad extent) {
	weight = t.weight.extent()
	if t.hasGrad && !t.borrowed {
		grad = t.grad.extent()
	}
	return weight, grad
}

// share records whether another weight has the same gradient memory.
func (t *typed[T]) share(shared bool) { t.shared = shared }

// home returns the address of the weight in the last successful step.
func (t *typed[T]) home() uintptr { return address(t.origin) }

// gather copies the weight and the gradient to the spares if a step cannot use their memory. It
// reports whether it has made a copy.
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

// gradCopied reports whether a step uses a copy of the gradient.
func (t *typed[T]) gradCopied() bool {
	return t.hasGrad && (!t.grad.rowMajor || t.borrowed || t.shared)
}

// scatter copies the spare weight back after a step, and zeroes a gradient that was copied.
func (t *typed[T]) scatter() {
	if !t.weight.rowMajor {
		t.weight.copyFrom(t.w)
	}
	if t.gradCopied() {
		t.zeroGrad()
	}
}

// setHome makes the address of the weight its home.
func (t *typed[T]) setHome() { t.origin = &t.weight.data[0] }

func (t *typed[T]) zeroGrad() {
	if !t.borrowed {
		t.grad.zero()
	}
}
