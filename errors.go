package l4

import (
	"fmt"
	"math"
	"reflect"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/flat"
)

// Errors that a caller can test for with errors.Is. After any error the weights are as they were
// before the call, and so is the solver's state, except that Info.Refused counts the call, and that
// an inner solver decides about its own state; see New.
var (
	// ErrNonFinite says that the loss, the penalty or a gradient element is NaN or infinite, or
	// that the element's square overflows. The gradients have been zeroed, so that the next run of
	// a virtual machine, which adds to them, starts clean.
	ErrNonFinite = errors.New("l4: not finite")

	// ErrNegativeLoss says that the loss is below its floor, which is zero unless WithLossFloor
	// sets another. L4 steps towards an estimated minimum that is a fraction of the loss, so the
	// loss must have a lower bound. A loss that rounding alone takes below it, up to 2e-6 in
	// float32 at a floor of up to 1, counts as zero. The gradients are kept.
	ErrNegativeLoss = errors.New("l4: negative loss")

	// ErrModelChanged says that the model differs from the one in the first Step: the number of
	// parameters, their order, a shape or a dtype differs.
	ErrModelChanged = flat.ErrChanged
)

// nonFinite is an ErrNonFinite that composes its message only when it is read, so that skipping a
// step costs no allocation.
type nonFinite struct {
	what  string // the quantity that is not finite; empty for a weight
	value float64
	name  string // of the parameter, if it is an element
	at    int    // index of the element
}

func (e *nonFinite) Error() string {
	const skip = ", or let WithSkipNonFinite skip such steps"
	switch {
	case e.name == "":
		return fmt.Sprintf("%v: the %s is %v; look for its cause"+skip, ErrNonFinite, e.what,
			e.value)
	case e.what == "":
		return fmt.Sprintf("%v: %s is %v at element %d; look for its cause", ErrNonFinite, e.name,
			e.value, e.at)
	}
	why, remedy := "", "look for its cause"
	if size := math.Abs(e.value); isFinite(size) {
		why, remedy = ", and its square overflows", "divide the loss by a constant"
		if size <= math.MaxFloat32 { // a float32, whose norm is a float64
			remedy += ", use WithClip"
		}
	}
	return fmt.Sprintf("%v: the %s of %s is %v at element %d%s; %s"+skip, ErrNonFinite, e.what,
		e.name, e.value, e.at, why, remedy)
}

func (e *nonFinite) Unwrap() error { return ErrNonFinite }

// isFinite reports whether x is neither NaN nor infinite.
func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// isNil reports whether v is nil or holds a nil pointer or function.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
