package l4

import (
	"math"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/bind"
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
	ErrModelChanged = bind.ErrChanged
)

// isFinite reports whether x is neither NaN nor infinite.
func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
