package l4

import (
	"math"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/bind"
)

// Errors to test for with errors.Is. An error leaves the weights and the state of the solver as
// they were before the call, with two exceptions: Info.Rejected counts the call, and the inner
// solver of an L4 may have changed its own state; see New.
var (
	// ErrNonFinite reports that the loss, the penalty of WithL1Reg or WithL2Reg, or a gradient is
	// NaN or infinite, or that the square of a gradient overflows. The gradients have been zeroed,
	// because the next run of a virtual machine adds to them.
	ErrNonFinite = errors.New("l4: not finite")

	// ErrNegativeLoss reports that the loss is below its floor: 0, or the value of WithLossFloor.
	// L4 aims at a fraction of the difference between the loss and its floor, so this difference
	// must not be negative. A loss that is below the floor only by rounding counts as equal to the
	// floor. In float32, for floors between −1 and 1, a difference of up to 2e-6 counts as
	// rounding. The gradients are kept: zero them before the next run of a virtual machine, which
	// adds to them.
	ErrNegativeLoss = errors.New("l4: negative loss")

	// ErrModelChanged reports that the model differs from the model of the first Step in the number
	// or order of its parameters, or in the name, shape or dtype of one.
	ErrModelChanged = bind.ErrChanged
)

// isFinite reports whether x is neither NaN nor infinite.
func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
