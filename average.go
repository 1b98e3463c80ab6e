package l4

import (
	"encoding"
	"fmt"
	"math"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// Average is a running average of the weights of a model. It works with any solver. With small
// batches or wrong labels it gains about a point of accuracy, because the last weights carry the
// noise of the last batches.
//
//	solver, average := l4.NewL4Adam(loss), l4.NewAverage(model)
//	for ... {
//		machine.RunAll()
//		solver.Step(model)
//		average.Update()
//		machine.Reset()
//	}
//	average.Swap() // now the model has the averaged weights
//
// Recent steps count more in the average (polynomial decay: O. Shamir and T. Zhang, ICML 2013).
// With γ = 8 (M. Ivgi et al., ICML 2023; not the γ of the solvers' target), update number t
// computes
//
//	w̄ ← w̄ + (1+γ)/(t+γ)·(w − w̄)
//
// It does not average the running statistics of batch normalization. After Swap, run some batches
// in training mode before you evaluate, as torch.optim.swa_utils.update_bn does.
//
// An Average keeps one number per weight. It must not be used by two goroutines at once.
type Average struct {
	params  []gorgonia.ValueGrad
	weights bind.Model
	means   flat.Vectors // w̄; while swapped, the weights
	updates int          // t
	swapped bool         // the model has w̄

	share        float64 // (1+γ)/(t+γ)
	update, swap flat.Pass
}

var (
	_ encoding.BinaryMarshaler   = (*Average)(nil)
	_ encoding.BinaryUnmarshaler = (*Average)(nil)
)

// averageGamma is the γ of Average.
const averageGamma = 8

// NewAverage returns an average of the weights of model. The average starts with the first Update.
// See Solver.Step for the parameters that a model can have. Gradients are not used.
func NewAverage(model []gorgonia.ValueGrad) *Average {
	a := &Average{params: model, weights: bind.Model{WeightsOnly: true},
		means: flat.Vectors{Number: 1}}
	a.update = flat.NewPass(a, approach[float32], approach[float64])
	a.swap = flat.NewPass(a, exchange[float32], exchange[float64])
	return a
}

// Update adds the current weights to the average. Call it after each step. It returns an error if a
// weight is not finite, if the model has changed (see ErrModelChanged), or if the model holds the
// averaged weights. An error leaves the average as it was.
func (a *Average) Update() error {
	if a.swapped {
		return errors.New("l4: the model holds the averaged weights: call Swap before Update")
	}
	if err := a.bind(); err != nil {
		return err
	}
	if bad, _ := a.weights.Sum(nonFiniteWeights); bad != 0 {
		name, at, value := a.weights.Find(nonFiniteWeights)
		return fmt.Errorf("%w: %s is %v at element %d: find the cause, and set it to a "+
			"finite number before Update", ErrNonFinite, name, value, at)
	}
	if a.updates == 0 {
		a.means.Renew(&a.weights.Model)
	}
	a.updates++
	a.share = (1 + averageGamma) / (float64(a.updates) + averageGamma)
	a.weights.Sum(a.update)
	a.weights.Remember()
	return nil
}

// Swap exchanges the weights of the model and the averages. Call it to evaluate or save the
// averaged weights, and again to continue training. Do not call Step in between. Swap returns an
// error before the first Update.
func (a *Average) Swap() error {
	if a.updates == 0 {
		return errors.New("l4: the average is empty: call Update after each step")
	}
	if err := a.bind(); err != nil {
		return err
	}
	a.weights.Sum(a.swap)
	a.weights.Commit()
	a.swapped = !a.swapped
	return nil
}

func (a *Average) bind() error {
	if a.update.F32 == nil {
		return errors.New("l4: the Average has no model: create it with NewAverage")
	}
	return a.weights.Bind(a.params)
}

// approach moves the averages of a part towards the weights: w̄ ← w̄ + share·(w − w̄).
func approach[T kernel.Float](a *Average, p *flat.Part[T]) (_, _ float64) {
	share, means := T(a.share), flat.Elements(&a.means, p)
	for i, w := range p.W {
		if way := w - means[i]; way-way == 0 {
			means[i] += T(share * way)
		} else { // w − w̄ overflows, so the signs of w and w̄ differ and this sum cannot overflow
			means[i] = T((1-share)*means[i]) + T(share*w)
		}
	}
	return 0, 0
}

// exchange swaps the averages and the weights of a part.
func exchange[T kernel.Float](a *Average, p *flat.Part[T]) (_, _ float64) {
	means := flat.Elements(&a.means, p)
	for i, w := range p.W {
		p.W[i], means[i] = means[i], w
	}
	return 0, 0
}

var averageFormat = record.Format{Magic: "L4average", Version: 1}

// MarshalBinary returns the averages, to continue in another process. It returns an error if the
// model holds the averaged weights: call Swap first.
func (a *Average) MarshalBinary() ([]byte, error) {
	if a.swapped {
		return nil, errors.New("l4: the model holds the averaged weights: " +
			"call Swap before MarshalBinary")
	}
	return averageFormat.Write(a.fields)
}

// UnmarshalBinary restores averages that MarshalBinary returned for a model with the same
// parameters: the same names, dtypes and shapes in the same order. An error leaves the average as
// it was.
func (a *Average) UnmarshalBinary(data []byte) error {
	if a.swapped {
		return errors.New("l4: the model holds the averaged weights: " +
			"call Swap before UnmarshalBinary")
	}
	loaded := NewAverage(a.params)
	if err := averageFormat.Read(data, loaded.fields); err != nil {
		return errors.WithMessage(err, "l4: loading an average")
	}
	// The passes of loaded use the numbers of loaded, so a keeps its own passes.
	a.weights, a.means, a.updates, a.swapped = loaded.weights, loaded.means, loaded.updates, false
	return nil
}

func (a *Average) fields(c *record.Codec) error {
	c.Count(&a.updates)
	a.weights.Fields(c, func(i int) {
		a.means.Fields(c, &a.weights.Model, i, "the average of a weight", math.Inf(-1))
	})
	if c.Reading() && (a.updates == 0) != (a.weights.Len() == 0) {
		c.Fail("the state has %d updates and %d parameters", a.updates, a.weights.Len())
	}
	return c.Err()
}
