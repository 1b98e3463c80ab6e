package l4_test

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestStepOnBatchesModels: Step rejects a model that was passed to Add, because Add has zeroed its
// gradients.
func TestStepOnBatchesModels(t *testing.T) {
	dt := tensor.Float64
	f := newFit(t, dt, fitWeights(dt), 2, true)
	batches, others := new(l4.Batches), new(l4.Batches)
	for _, b := range []*l4.Batches{batches, others} {
		if err := f.eval(dt, 0, 0); err != nil {
			t.Fatal(err)
		}
		if err := b.Add(f.loss, f.model); err != nil {
			t.Fatal(err)
		}
	}
	before := numbers(f.weights[0].Value())
	for name, model := range map[string][]gorgonia.ValueGrad{
		"a batch's": f.model, "other batches'": others.Model(),
		"both": {batches.Model()[0], f.model[1]}, "nil": {nil},
	} {
		err := l4.NewL4Adam(batches).Step(model)
		if err == nil || !strings.Contains(err.Error(), "call Step(batches.Model())") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := l4.NewL4Adam(f.loss).Step(batches.Model()); err == nil ||
		!strings.Contains(err.Error(), "give the solver the Batches") {
		t.Errorf("with a batch's loss: error %v", err)
	}
	wantEqual(t, numbers(f.weights[0].Value()), before)
	for i := range f.model { // solvers of parts of the weights
		if err := l4.NewL4Adam(batches).Step(batches.Model()[i : i+1]); err != nil {
			t.Error(err)
		}
	}
}

// TestStepOnEarlierModel: a program that calls Model only once would train with sums instead of
// means.
func TestStepOnEarlierModel(t *testing.T) {
	dt := tensor.Float64
	f := newFit(t, dt, fitWeights(dt), 2, true)
	batches := new(l4.Batches)
	solver := l4.NewL4Adam(batches)
	if err := solver.Step(batches.Model()); err == nil ||
		!strings.Contains(err.Error(), "call Add before Step") {
		t.Errorf("before the first Add: error %v", err)
	}
	var model []gorgonia.ValueGrad
	for step := range 3 {
		for range 2 {
			if err := f.eval(dt, 0, 0); err != nil {
				t.Fatal(err)
			}
			if err := batches.Add(f.loss, f.model); err != nil {
				t.Fatal(err)
			}
		}
		if step == 0 {
			model = batches.Model()
		}
		err := solver.Step(model)
		if step == 0 && err != nil || step > 0 && (err == nil ||
			!strings.Contains(err.Error(), "call Step(batches.Model()) in each step")) {
			t.Errorf("step %d: error %v", step, err)
		}
	}
	if err := solver.Step(batches.Model()); err != nil || solver.Last().Step != 2 {
		t.Errorf("then with the Model: step %d, error %v", solver.Last().Step, err)
	}
}
