package dist

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
)

// parameter is a weight of this rank with the mean of the gradients of all.
type parameter struct {
	*batch.Param
	batches *Batches
}

// Grad returns what went wrong in Model, so that Step does.
func (p *parameter) Grad() (gorgonia.Value, error) {
	if err := p.batches.world.usable(); err != nil {
		return nil, err
	}
	return p.Gradient, p.batches.err
}

// unknown stands for all parameters until Add brings them, so that Step asks for a gradient and
// returns the error of Model.
type unknown struct{}

func (unknown) Name() string                  { return "the model" }
func (unknown) Value() gorgonia.Value         { return gorgonia.NewF64(0) }
func (unknown) Grad() (gorgonia.Value, error) { return gorgonia.NewF64(0), nil }
