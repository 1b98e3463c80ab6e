package l4_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// stepper is the interface of all solvers.
type stepper interface {
	gorgonia.Solver
	SetLoss(loss gorgonia.Valuer)
	Last() l4.Info
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

type newSolver = func(loss gorgonia.Valuer, opts ...l4.Option) stepper

// solvers lists one solver of each kind, for all tables of tests. A new kind needs one line.
var solvers = map[string]newSolver{
	"L4Adam": func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.NewL4Adam(loss, opts...)
	},
	"L4Mom": func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.NewL4Mom(loss, opts...)
	},
	"L4": over(func() gorgonia.Solver { return &heavyBall{rate: 0.1} }),
}

// inners lists the solvers that can be inside an L4. Each function creates a solver from a learning
// rate.
var inners = map[string]func(rate float64) gorgonia.Solver{
	"vanilla": func(rate float64) gorgonia.Solver {
		return gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(rate))
	},
	"momentum": func(rate float64) gorgonia.Solver {
		return gorgonia.NewMomentum(gorgonia.WithLearnRate(rate))
	},
	"rmsprop": func(rate float64) gorgonia.Solver {
		return gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(rate))
	},
	"adam": func(rate float64) gorgonia.Solver {
		return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(rate))
	},
	"adagrad": func(rate float64) gorgonia.Solver {
		return gorgonia.NewAdaGradSolver(gorgonia.WithLearnRate(rate))
	},
	"bb": func(rate float64) gorgonia.Solver {
		return gorgonia.NewBarzilaiBorweinSolver(gorgonia.WithLearnRate(rate))
	},
	"L4Mom": func(float64) gorgonia.Solver { return l4.NewL4Mom(valuer{gorgonia.NewF64(1)}) },
}

// over returns a constructor of an L4 with an inner solver.
func over(inner func() gorgonia.Solver) newSolver {
	return func(loss gorgonia.Valuer, opts ...l4.Option) stepper {
		return l4.New(loss, inner(), opts...)
	}
}

// everySolver runs a test for each solver and dtype.
func everySolver(t *testing.T, test func(t *testing.T, newSolver newSolver, dt tensor.Dtype)) {
	for name, newSolver := range solvers {
		for _, dt := range dtypes {
			t.Run(fmt.Sprintf("%s/%v", name, dt), func(t *testing.T) { test(t, newSolver, dt) })
		}
	}
}

// descend makes steps and returns all weights in one slice.
func descend(
	t *testing.T,
	newSolver newSolver,
	model []*param,
	steps int,
	scale float64,
	opts ...l4.Option,
) []float64 {
	t.Helper()
	loss := newBowl()
	s := newSolver(loss, opts...)
	for range steps {
		loss.eval(model, scale)
		if err := s.Step(valueGrads(model)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range model {
		if slices.ContainsFunc(numbers(p.g), func(x float64) bool { return x != 0 }) {
			t.Errorf("the gradient of %s is not zero after Step", p.name)
		}
	}
	return weightsOf(model)
}

func stepTimes(t *testing.T, s gorgonia.Solver, loss bowl, model []*param, n int) {
	t.Helper()
	for range n {
		loss.eval(model, 1)
		if err := s.Step(valueGrads(model)); err != nil {
			t.Fatal(err)
		}
	}
}

// stepOnce sets a loss and gradients and steps.
func stepOnce(
	t *testing.T,
	s stepper,
	loss *gorgonia.F64,
	p *param,
	l float64,
	g ...float64,
) l4.Info {
	t.Helper()
	*loss = gorgonia.F64(l)
	p.setGrad(g)
	if err := s.Step(valueGrads([]*param{p})); err != nil {
		t.Fatal(err)
	}
	return s.Last()
}

// did returns Last without the number of rejected steps.
func did(s stepper) l4.Info {
	info := s.Last()
	info.Rejected = 0
	return info
}

// rejecting calls step, which must make s reject a step. It fails the test if the call changes
// anything but the number of rejected steps. blank is a new solver like s.
func rejecting(t *testing.T, s, blank stepper, step func()) {
	t.Helper()
	state := func(s stepper) string {
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := state(s)
	step()
	if err := blank.UnmarshalBinary([]byte(before)); err != nil {
		t.Fatal(err)
	}
	if err := blank.Step(nil); err == nil {
		t.Fatal("a step without a model was not rejected")
	}
	if state(s) != state(blank) {
		t.Errorf("the solver's state has changed; Last is %+v, was %+v", s.Last(), blank.Last())
	}
}

// heavyBall is an example of a user's solver. It supports tensors only, can be saved, and does not
// allocate memory after its first step.
type heavyBall struct {
	rate     float64
	velocity [][]float64
}

func (h *heavyBall) Step(model []gorgonia.ValueGrad) error {
	for i, p := range model {
		grad, err := p.Grad()
		if err != nil {
			return err
		}
		w, g := p.Value().(*tensor.Dense), grad.(*tensor.Dense)
		if w.Dtype() == tensor.Float32 {
			heavyBallStep(h, i, w.Float32s(), g.Float32s())
		} else {
			heavyBallStep(h, i, w.Float64s(), g.Float64s())
		}
	}
	return nil
}

func (h *heavyBall) MarshalBinary() ([]byte, error) { return json.Marshal(h.velocity) }

// UnmarshalBinary rejects data that MarshalBinary would write in another form, such as 1.0 for 1.
func (h *heavyBall) UnmarshalBinary(data []byte) error {
	h.velocity = nil
	if err := json.Unmarshal(data, &h.velocity); err != nil {
		return err
	}
	if again, err := h.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
		return errors.Errorf("want %q, got %q (%v)", again, data, err)
	}
	return nil
}

func heavyBallStep[T float32 | float64](h *heavyBall, i int, w, g []T) {
	if i == len(h.velocity) {
		h.velocity = append(h.velocity, make([]float64, len(w)))
	}
	v := h.velocity[i]
	for k := range w {
		v[k] = 0.9*v[k] + float64(g[k])
		w[k] -= T(h.rate * v[k])
	}
}
