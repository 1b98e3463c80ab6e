package layer

import (
	"math/rand/v2"

	"github.com/pkg/errors"
	G "gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/op"
)

// Dropout returns x with each element set to 0 with the given probability, which must be below 1,
// and multiplied by 1/(1 - probability) otherwise. Each run of the graph draws from source. To make
// runs repeatable, seed source before each run, with a different seed for each.
func Dropout(x *G.Node, probability float64, source rand.Source) (*G.Node, error) {
	if !(probability >= 0 && probability < 1) {
		return nil, errors.Errorf("layer: dropout: the probability is %v, want 0 or more and "+
			"less than 1", probability)
	}
	s := op.Spec{Name: "Dropout", Shape: x.Shape()}
	d := op.Dropout{Size: x.Shape().TotalSize(), Probability: probability, Source: source}
	return op.ApplyEither(s, d, op.NewDropout[float32], op.NewDropout[float64], x)
}
