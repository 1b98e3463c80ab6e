package l4

import (
	"fmt"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// Errors that a caller can test for with errors.Is. After any error the weights and the solver's state are
// as they were before the call, but for what an inner solver has done to its own; see New.
var (
	// ErrNonFinite says that the loss or a gradient element is NaN or infinite, or that the element's square
	// overflows. The gradients have been zeroed, so that the next run of a virtual machine, which adds to
	// them, starts clean.
	ErrNonFinite = errors.New("l4: not finite")

	// ErrNegativeLoss says that the loss is below its floor, which is zero unless WithLossFloor sets another. L4
	// steps towards an estimated minimum that is a fraction of the loss, so the loss must have a lower bound. What
	// rounding alone can take below it, 2e-6 in float32 at a floor of up to 1, counts as zero. The gradients are kept.
	ErrNegativeLoss = errors.New("l4: negative loss")

	// ErrModelChanged says that the model passed to Step is not the one of the first Step: the number of
	// parameters, their order, a shape or a dtype differs.
	ErrModelChanged = errors.New("l4: model changed")
)

// parameterName is how error messages call a parameter: by its own name if it has one, as in Gorgonia's
// solvers, otherwise by its position.
func parameterName(i int, p gorgonia.ValueGrad) string {
	if named, ok := p.(gorgonia.Namer); ok && !isNil(p) {
		if name := named.Name(); name != "" {
			return name
		}
	}
	return fmt.Sprintf("parameter #%d", i)
}
