package l4_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"log"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// Training stops after half of its steps. Another process loads the saved bytes and continues. It
// ends with the same weights as training without a stop, to the bit.
func ExampleSolver_MarshalBinary() {
	straight := newTraining()
	straight.run(1000)

	stopped := newTraining()
	stopped.run(500)
	saved := stopped.save() // to a file

	resumed := newTraining()
	resumed.load(saved)
	resumed.run(500)

	fmt.Println("step", resumed.solver.Last().Step)
	fmt.Println("same weights:", slices.Equal(resumed.weights, straight.weights))
	for _, t := range []*training{straight, resumed} {
		if err := t.average.Swap(); err != nil { // now the model has the averaged weights
			log.Fatal(err)
		}
	}
	fmt.Println("same averages:", slices.Equal(resumed.weights, straight.weights))
	fmt.Printf("z = %.1f x + %.1f y\n", resumed.weights[0], resumed.weights[1])
	// Output:
	// step 1000
	// same weights: true
	// same averages: true
	// z = 1.0 x + 2.0 y
}

// The program saves its weights with encoding/gob, tensor by tensor, and then the state of the
// solver. Without the state, a new solver would have to adapt its step length to the trained
// weights again.
func ExampleSolver_UnmarshalBinary() {
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	first := newTraining()
	first.run(500)
	var file bytes.Buffer
	to := gob.NewEncoder(&file)
	for _, w := range first.model {
		check(to.Encode(w.Value()))
	}
	state, err := first.solver.MarshalBinary()
	check(err)
	check(to.Encode(state))

	second := newTraining() // in another process, with the same options
	from := gob.NewDecoder(&file)
	for _, w := range second.model {
		var value *tensor.Dense
		check(from.Decode(&value))
		check(gorgonia.Let(w.(*gorgonia.Node), value))
	}
	var saved []byte
	check(from.Decode(&saved))
	check(second.solver.UnmarshalBinary(saved))

	first.run(500)
	second.run(500)
	fmt.Println("step", second.solver.Last().Step)
	fmt.Println("same loss:", second.solver.Last().Loss == first.solver.Last().Loss)
	fmt.Println("same weights:",
		gorgonia.ValueEq(second.model[0].Value(), first.model[0].Value()))
	// Output:
	// step 1000
	// same loss: true
	// same weights: true
}

// checkpoint holds everything that the program needs to resume. The state of a solver does not
// contain the weights.
type checkpoint struct {
	Weights         []float64
	Solver, Average []byte
}

// training fits a plane through four points.
type training struct {
	weights []float64
	model   []gorgonia.ValueGrad
	machine gorgonia.VM
	solver  *l4.L4Adam
	average *l4.Average
}

func newTraining() *training {
	t := &training{weights: make([]float64, 2)}
	g := gorgonia.NewGraph()
	x := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName("x"), gorgonia.WithShape(4, 2),
		gorgonia.WithValue(tensor.New(tensor.WithShape(4, 2),
			tensor.WithBacking([]float64{1, 0, 0, 1, 1, 1, 2, 1}))))
	y := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("y"), gorgonia.WithShape(4),
		gorgonia.WithValue(tensor.New(tensor.WithBacking([]float64{1, 2, 3, 4}))))
	w := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithName("w"), gorgonia.WithShape(2),
		gorgonia.WithValue(tensor.New(tensor.WithBacking(t.weights))))
	residual := gorgonia.Must(gorgonia.Sub(gorgonia.Must(gorgonia.Mul(x, w)), y))
	loss := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(residual))))
	if _, err := gorgonia.Grad(loss, w); err != nil {
		log.Fatal(err)
	}
	t.machine = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	t.model = gorgonia.NodesToValueGrads(gorgonia.Nodes{w})
	t.solver, t.average = l4.NewL4Adam(loss), l4.NewAverage(t.model)
	return t
}

func (t *training) run(steps int) {
	for range steps {
		if err := t.machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := t.solver.Step(t.model); err != nil {
			log.Fatal(err)
		}
		if err := t.average.Update(); err != nil {
			log.Fatal(err)
		}
		t.machine.Reset()
	}
}

func (t *training) save() []byte {
	c := checkpoint{Weights: t.weights}
	var err error
	if c.Solver, err = t.solver.MarshalBinary(); err != nil {
		log.Fatal(err)
	}
	if c.Average, err = t.average.MarshalBinary(); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := gob.NewEncoder(&file).Encode(c); err != nil {
		log.Fatal(err)
	}
	return file.Bytes()
}

// load loads a checkpoint of a training with the same model and options.
func (t *training) load(file []byte) {
	var c checkpoint
	if err := gob.NewDecoder(bytes.NewReader(file)).Decode(&c); err != nil {
		log.Fatal(err)
	}
	copy(t.weights, c.Weights)
	if err := t.solver.UnmarshalBinary(c.Solver); err != nil {
		log.Fatal(err)
	}
	if err := t.average.UnmarshalBinary(c.Average); err != nil {
		log.Fatal(err)
	}
}
