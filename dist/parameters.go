package dist

import (
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/batch"
)

// parameter is a weight of this rank with its mean gradient over all ranks.
type parameter struct {
	*batch.Param
	batches *Batches
}

// Grad returns the mean gradient, or the error of Model, which Step then returns.
func (p *parameter) Grad() (gorgonia.Value, error) {
	if err := p.batches.world.usable(); err != nil {
		return nil, err
	}
	return p.Gradient, p.batches.err
}

// unknown stands for all parameters before the first Add. Step reads its gradient, so that it
// returns the error of Model.
type unknown struct{}

func (unknown) Name() string                  { return "the model" }
func (unknown) Value() gorgonia.Value         { return gorgonia.NewF64(0) }
func (unknown) Grad() (gorgonia.Value, error) { return gorgonia.NewF64(0), nil }
