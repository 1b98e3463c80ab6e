package l4_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// An independent implementation of the algorithm has written the traces in testdata/golden. The
// README there describes their format.

type golden struct {
	Shapes [][]int
	W0     []any
	Losses []float64
	Grads  [][]any
	Spec   json.RawMessage
	Runs   []goldenRun
}

type goldenRun struct {
	Kind    string
	Alpha   float64
	Gamma   float64
	Gamma0  float64
	Tau     float64
	Eps     float64
	TauM    float64     `json:"tau_m"`
	TauS    float64     `json:"tau_s"`
	AdamEps float64     `json:"adam_eps"`
	TauG    float64     `json:"tau_g"`
	Steps   [][]float64 // t, loss, eta, lmin, lmin_after, dot
	Weights json.RawMessage
	// Reliable is the last step that round-off alone cannot move by more than 1e-9.
	Reliable int `json:"reliable_to_step"`
}

func (r goldenRun) String() string {
	return fmt.Sprintf("%s/fraction=%v/gradientTime=%v", r.Kind, r.Alpha, r.TauG)
}

func (r goldenRun) solver(loss gorgonia.Valuer) stepper {
	opts := []l4.Option{
		l4.WithFraction(
			r.Alpha,
		), l4.WithMinLossFactor(r.Gamma), l4.WithInitFactor(r.Gamma0), l4.WithForgetTime(r.Tau),
		l4.WithEpsilon(
			r.Eps,
		), l4.WithMomentumTime(r.TauM), l4.WithGradientTime(r.TauG), l4.WithoutBound(),
	}
	if r.Kind == "L4Adam" {
		opts = append(opts, l4.WithVarianceTime(r.TauS), l4.WithAdamEpsilon(r.AdamEps))
	}
	return solvers[r.Kind](loss, opts...)
}

func loadGolden(t *testing.T, name string) (g golden) {
	t.Helper()
	readGolden(t, name, &g)
	return g
}

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// flatten returns the numbers of nested lists in row-major order.
func flatten(x any) []float64 {
	switch x := x.(type) {
	case float64:
		return []float64{x}
	case []any:
		var all []float64
		for _, y := range x {
			all = append(all, flatten(y)...)
		}
		return all
	}
	panic(fmt.Sprintf("not a number: %v", x))
}

func (w worst) addInfo(info l4.Info, row []float64) {
	w.add("loss", info.Loss, row[1])
	w.add("eta", info.LearnRate, row[2])
	w.add("lmin", info.LMin, row[3])
	w.add("dot", info.InnerProduct, row[5])
}

func TestGoldenFeed(t *testing.T) {
	for _, name := range []string{"pub_feed", "pub_edge"} {
		g := loadGolden(t, name)
		for _, run := range g.Runs {
			t.Run(fmt.Sprintf("%s/%v/float64", name, run), func(t *testing.T) {
				feed(
					t,
					g,
					run,
					tensor.Float64,
				).check(t, 1e-11, "loss", "eta", "lmin", "dot", "weights")
			})
			t.Run(fmt.Sprintf("%s/%v/float32", name, run), func(t *testing.T) {
				feed(t, g, run, tensor.Float32).check(t, 1e-4, "weights")
			})
		}
	}
}

// feed passes the losses and gradients of a trace to a solver.
func feed(t *testing.T, g golden, run goldenRun, dt tensor.Dtype) worst {
	t.Helper()
	var want [][]any
	if err := json.Unmarshal(run.Weights, &want); err != nil {
		t.Fatal(err)
	}
	loss := gorgonia.NewF64(0)
	var model []gorgonia.ValueGrad
	for k, shape := range g.Shapes {
		model = append(model, newParam(fmt.Sprintf("w%d", k), dt, shape, flatten(g.W0[k])))
	}
	solver, errs := run.solver(valuer{loss}), worst{}
	for step, l := range g.Losses {
		*loss = gorgonia.F64(l)
		for k, p := range model {
			p.(*param).setGrad(flatten(g.Grads[step][k]))
		}
		if err := solver.Step(model); err != nil {
			t.Fatal(err)
		}
		errs.addInfo(solver.Last(), run.Steps[step])
		for k, p := range model {
			got, expected := numbers(p.Value()), flatten(want[step][k])
			if dt == tensor.Float32 {
				errs.addAll("weights", got, expected)
				continue
			}
			for i := range expected {
				errs.add("weights", got[i], expected[i])
			}
		}
	}
	return errs
}

// TestGoldenTrace trains the problems of the traces in Gorgonia.
func TestGoldenTrace(t *testing.T) {
	for _, name := range []string{"pub_quad5", "pub_rosen2", "pub_linnet", "pub_logreg", "pub_mlp",
		"pub_floor3"} {
		g := loadGolden(t, name)
		for _, run := range g.Runs {
			t.Run(fmt.Sprintf("%s/%v", name, run), func(t *testing.T) { trace(t, name, g, run) })
		}
	}
}

func trace(t *testing.T, name string, g golden, run goldenRun) {
	var want map[string][]any
	if err := json.Unmarshal(run.Weights, &want); err != nil {
		t.Fatal(err)
	}
	graph := gorgonia.NewGraph()
	var weights gorgonia.Nodes
	for k, shape := range g.Shapes {
		w := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(flatten(g.W0[k])))
		weights = append(weights, gorgonia.NewTensor(
			graph,
			tensor.Float64,
			len(shape),
			gorgonia.WithName(
				fmt.Sprintf("w%d", k),
			),
			gorgonia.WithShape(shape...),
			gorgonia.WithValue(w),
		))
	}
	loss, prepare := buildProblem(t, name, g.Spec, graph, weights)
	if _, err := gorgonia.Grad(loss, weights...); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(graph, gorgonia.BindDualValues(weights...))
	defer vm.Close()
	solver, model, errs := run.solver(loss), gorgonia.NodesToValueGrads(weights), worst{}
	compared, comparedWeights := 0, 0
	for _, row := range run.Steps {
		if int(row[0]) > run.Reliable {
			break
		}
		for solver.Last().Step < int(row[0]) {
			prepare(solver.Last().Step)
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			if err := solver.Step(model); err != nil {
				t.Fatal(err)
			}
			vm.Reset()
			if after, ok := want[strconv.Itoa(solver.Last().Step)]; ok {
				for k, w := range weights {
					errs.addAll("weights", numbers(w.Value()), flatten(after[k]))
				}
				comparedWeights++
			}
		}
		errs.addInfo(solver.Last(), row)
		compared++
	}
	t.Logf("%d rows compared, up to step %d", compared, solver.Last().Step)
	if compared < 5 || comparedWeights < 4 {
		t.Errorf("only %d rows and the weights of %d steps compared", compared, comparedWeights)
	}
	errs.check(t, 1e-8, "loss", "eta", "lmin", "weights")
}

// TestGoldenBound compares the paper's rule with the bound with traces of an independent
// implementation.
func TestGoldenBound(t *testing.T) {
	var g struct {
		Cases []struct {
			golden
			Runs []struct {
				Kind    string
				Alpha   float64
				Rho     float64
				TauM    float64 `json:"tau_m"`
				Steps   [][]float64
				Weights map[string][][]any
			}
		}
	}
	readGolden(t, "pub_bound", &g)
	for i, c := range g.Cases {
		for _, run := range c.Runs {
			t.Run(
				fmt.Sprintf(
					"%d/%s/fraction=%v/bound=%v/momentum=%v",
					i,
					run.Kind,
					run.Alpha,
					run.Rho,
					run.TauM,
				),
				func(t *testing.T) {
					loss := gorgonia.NewF64(0)
					var model []*param
					for k, shape := range c.Shapes {
						model = append(
							model,
							newParam(
								fmt.Sprintf("w%d", k),
								tensor.Float64,
								shape,
								flatten(c.W0[k]),
							),
						)
					}
					s := solvers[run.Kind](
						valuer{loss},
						l4.WithFraction(run.Alpha),
						l4.WithBound(run.Rho),
						l4.WithMomentumTime(run.TauM),
					)
					errs := worst{}
					for step, l := range c.Losses {
						*loss = gorgonia.F64(l)
						for k, p := range model {
							p.setGrad(flatten(c.Grads[step][k]))
						}
						if err := s.Step(valueGrads(model)); err != nil {
							t.Fatal(err)
						}
						info, row := s.Last(), run.Steps[step]
						for k, x := range map[string]float64{"loss": info.Loss,
							"eta": info.LearnRate, "lmin": info.LMin, "dot": info.InnerProduct,
							"reach": info.Reach, "limit": info.Limit, "length": info.Length,
							"path": info.Path, "floor": info.Floor} {
							column := map[string]int{
								"loss":   1,
								"eta":    2,
								"lmin":   3,
								"dot":    4,
								"reach":  5,
								"limit":  6,
								"length": 7,
								"path":   8,
								"floor":  9,
							}
							errs.add(k, x, row[column[k]])
						}
						for k, want := range run.Weights[strconv.Itoa(step+1)] {
							errs.addAll("weights", numbers(model[k].w), flatten(want))
						}
					}
					errs.check(
						t,
						1e-11,
						"loss",
						"eta",
						"lmin",
						"dot",
						"reach",
						"limit",
						"length",
						"path",
						"floor",
						"weights",
					)
				},
			)
		}
	}
}
