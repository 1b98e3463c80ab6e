package baseline

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/bind/bindtest"
)

// number is a loss or any other Value as a Valuer.
type number struct{ v gorgonia.Value }

func (n *number) Value() gorgonia.Value { return n.v }

// pair is a parameter.
type pair struct{ w, g gorgonia.Value }

func (p pair) Value() gorgonia.Value         { return p.w }
func (p pair) Grad() (gorgonia.Value, error) { return p.g, nil }

// twoTensors is a model of three elements in a matrix and a vector.
func twoTensors(dt tensor.Dtype) []gorgonia.ValueGrad {
	return []gorgonia.ValueGrad{
		pair{dense(dt, 1, 2), dense(dt, 1, 2)},
		pair{dense(dt, 1), dense(dt, 1)},
	}
}

func dense(dt tensor.Dtype, shape ...int) *tensor.Dense {
	return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
}

// weightsOf returns all weights of the model.
func weightsOf(model []gorgonia.ValueGrad) (ws []float64) {
	for _, p := range model {
		ws = append(ws, bindtest.Numbers(p.Value())...)
	}
	return ws
}

// setGradients sets the gradients of twoTensors.
func setGradients(model []gorgonia.ValueGrad, g []float64) {
	bindtest.SetNumbers(model[0].(pair).g, g)
	bindtest.SetNumbers(model[1].(pair).g, g[2:])
}

// atOrigin returns twoTensors with the weights at the origin.
func atOrigin(dt tensor.Dtype) []gorgonia.ValueGrad {
	model := twoTensors(dt)
	bindtest.SetNumbers(model[0].Value(), origin)
	bindtest.SetNumbers(model[1].Value(), origin[2:])
	return model
}

// The problem of these tests: a quadratic with noise in its gradients.
var origin = []float64{1, -2, 0.5}

const testSteps = 12

func gradient(step int, w []float64) []float64 {
	g := make([]float64, len(w))
	for i, scale := range []float64{10, 1, 0.1} {
		g[i] = scale*(w[i]-0.3) + 0.5*math.Sin(float64(7*step+3*i))
	}
	return g
}

// rounding rounds a number to a dtype.
type rounding func(float64) float64

// all rounds a vector in place and returns it.
func (r rounding) all(xs []float64) []float64 {
	for i, x := range xs {
		xs[i] = r(x)
	}
	return xs
}

func lossAt(step int, w []float64) float64 {
	sum := 0.2 + 0.1*math.Cos(float64(step))
	for i, scale := range []float64{10, 1, 0.1} {
		sum += scale / 2 * (w[i] - 0.3) * (w[i] - 0.3)
	}
	return sum
}

type newSolver func(loss gorgonia.Valuer) gorgonia.Solver

// path returns the weights after each step of a solver.
func path(t *testing.T, dt tensor.Dtype, newSolver newSolver) [][]float64 {
	t.Helper()
	params := atOrigin(dt)
	loss := new(number)
	solver := newSolver(loss)
	var steps [][]float64
	w := slices.Clone(origin)
	for step := range testSteps {
		loss.v = gorgonia.NewF64(lossAt(step, w))
		setGradients(params, gradient(step, w))
		if err := solver.Step(params); err != nil {
			t.Fatal(err)
		}
		w = weightsOf(params)
		steps = append(steps, w)
		for _, p := range params {
			g := bindtest.Numbers(p.(pair).g)
			if slices.ContainsFunc(g, func(x float64) bool { return x != 0 }) {
				t.Fatalf("gradients %v after a step", g)
			}
		}
	}
	return steps
}

// methods lists all optimizers with the results of their papers' pseudo-code.
var methods = []struct {
	name string
	new  newSolver
	want func(rounding) [][]float64
}{
	{"Adam", func(gorgonia.Valuer) gorgonia.Solver {
		return NewAdam(0.01)
	}, adamPaper},
	{"Schedule-Free", func(gorgonia.Valuer) gorgonia.Solver {
		return NewScheduleFree()
	}, scheduleFreePaper},
	{"DoG", func(gorgonia.Valuer) gorgonia.Solver {
		return NewDoG()
	}, dogPaper},
	{"Prodigy", func(gorgonia.Valuer) gorgonia.Solver {
		return NewProdigy()
	}, prodigyPaper},
	{"MoMo-Adam", func(l gorgonia.Valuer) gorgonia.Solver {
		return NewMoMoAdam(l)
	}, momoPaper},
	{"RMSProp", func(gorgonia.Valuer) gorgonia.Solver {
		return NewRMSProp(0.01)
	}, rmsPropPaper},
	{"Momentum, clipped", func(gorgonia.Valuer) gorgonia.Solver {
		return NewMomentum(0.02).ClipNorm(5)
	}, momentumPaper},
}

func TestAsInTheirPapers(t *testing.T) {
	for _, m := range methods {
		for dt, round := range map[tensor.Dtype]rounding{
			tensor.Float64: func(x float64) float64 { return x },
			tensor.Float32: func(x float64) float64 { return float64(float32(x)) },
		} {
			t.Run(fmt.Sprint(m.name, " ", dt), func(t *testing.T) {
				got, want := path(t, dt, m.new), m.want(round)
				for step := range want {
					for i, x := range want[step] {
						still := step == testSteps-1 && x == origin[i]
						if math.Abs(got[step][i]-x) > 1e-10 || still {
							t.Fatalf("step %d: %v, want %v", step+1, got[step], want[step])
						}
					}
				}
			})
		}
	}
}

// TestFirstStep: the first step equals the result computed by hand, except for the epsilons.
func TestFirstStep(t *testing.T) {
	g := gradient(0, origin)
	norm := math.Sqrt(g[0]*g[0] + g[1]*g[1] + g[2]*g[2])
	sum := math.Abs(g[0]) + math.Abs(g[1]) + math.Abs(g[2])
	length := math.Sqrt(1 + 4 + 0.25)
	sign := func(factor float64) func(i int) float64 {
		return func(i int) float64 { return factor * math.Copysign(1, g[i]) }
	}
	for i, move := range []func(i int) float64{
		sign(0.01),   // m̂/√v̂ has elements ±1
		sign(2.5e-3), // so has g/√v̂, and x = y = z
		func(i int) float64 { return 1e-6 * (1 + length) * g[i] / norm },
		sign(1e-6 * 0.1 / math.Sqrt(1e-3)), // m = 0.1dg, v = 0.001d²g²
		// L/‖g‖₁ would take the linear model of the loss to 0.
		sign(min(1e-2, lossAt(0, origin)/sum)),
	} {
		step := path(t, tensor.Float64, methods[i].new)[0]
		for k := range step {
			if want := origin[k] - move(k); math.Abs(step[k]-want) > 1e-5*math.Abs(move(k)) {
				t.Errorf("%s: element %d is %v, want %v", methods[i].name, k, step[k], want)
			}
		}
	}
}

// TestAdamAsGorgonias: Adam gives the same weights as Gorgonia's solver, up to rounding.
func TestAdamAsGorgonias(t *testing.T) {
	tolerances := map[tensor.Dtype]float64{tensor.Float64: 1e-13, tensor.Float32: 3e-6}
	for dt, tolerance := range tolerances {
		ours := path(t, dt, func(gorgonia.Valuer) gorgonia.Solver { return NewAdam(0.03) })
		theirs := path(t, dt, func(gorgonia.Valuer) gorgonia.Solver {
			return gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.03))
		})
		for step := range ours {
			for i := range ours[step] {
				if math.Abs(ours[step][i]-theirs[step][i]) > tolerance {
					t.Fatalf("%v, step %d: %v, Gorgonia's %v", dt, step+1, ours[step], theirs[step])
				}
			}
		}
	}
}

// TestMoMoNearTheBound: if the loss is small, the step takes the model of the loss to 0.
func TestMoMoNearTheBound(t *testing.T) {
	params := atOrigin(tensor.Float64)
	setGradients(params, []float64{4, 0, 0})
	if err := NewMoMoAdam(&number{gorgonia.NewF32(0.01)}).Step(params); err != nil {
		t.Fatal(err)
	}
	w := weightsOf(params)
	if want := 1 - 0.01/4; math.Abs(w[0]-want) > 1e-8 || w[1] != origin[1] || w[2] != origin[2] {
		t.Errorf("weights %v, want the first to be %v", w, want)
	}
}

func TestNoGradient(t *testing.T) {
	for _, method := range methods {
		params := atOrigin(tensor.Float64)
		solver := method.new(&number{gorgonia.NewF64(1)})
		for range 3 {
			if err := solver.Step(params); err != nil {
				t.Fatal(err)
			}
		}
		if w := weightsOf(params); !slices.Equal(w, origin) {
			t.Errorf("%s: weights %v without any gradient, want %v", method.name, w, origin)
		}
	}
}

func TestScheduleFreeSwap(t *testing.T) {
	params := atOrigin(tensor.Float64)
	s := NewScheduleFree()
	for step := range 5 {
		setGradients(params, []float64{0, 0, float64(step + 1)})
		if err := s.Step(params); err != nil {
			t.Fatal(err)
		}
		y := weightsOf(params)
		s.Swap()
		x := weightsOf(params)
		if want := (y[2] - 0.1*s.method.z[2]) / 0.9; math.Abs(x[2]-want) > 1e-12 {
			t.Errorf("step %d: x = %v, want %v", step+1, x[2], want)
		}
		s.Swap()
		if x := weightsOf(params); !slices.Equal(x, y) {
			t.Errorf("step %d: %v after two swaps, want %v", step+1, x, y)
		}
	}
}

// TestWrongModels: a changed model is an error, and so is a weight of an unsupported type.
func TestWrongModels(t *testing.T) {
	integers := []gorgonia.ValueGrad{pair{dense(tensor.Int, 2), dense(tensor.Int, 2)}}
	if err := NewAdam(1).Step(integers); err == nil || !strings.Contains(err.Error(), "dtype int") {
		t.Errorf("error %v for integers", err)
	}
	s := NewDoG()
	params := twoTensors(tensor.Float64)
	if err := s.Step(params); err != nil {
		t.Fatal(err)
	}
	if err := s.Step(params[:1]); !errors.Is(err, bind.ErrChanged) {
		t.Errorf("error %v for a model that has shrunk", err)
	}
}

func BenchmarkStep(b *testing.B) {
	const n = 15_000
	for _, m := range methods {
		b.Run(m.name, func(b *testing.B) {
			w, g := dense(tensor.Float32, n), dense(tensor.Float32, n)
			params := []gorgonia.ValueGrad{pair{w, g}}
			solver := m.new(&number{gorgonia.NewF64(1)})
			grads := g.Data().([]float32)
			for b.Loop() {
				for i := range grads {
					grads[i] = 0.5
				}
				if err := solver.Step(params); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/parameter")
		})
	}
}
