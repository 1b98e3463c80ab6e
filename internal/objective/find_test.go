package objective_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/batch"
	"github.com/l4-go/l4/internal/bind/bindtest"
	"github.com/l4-go/l4/internal/objective"
)

// TestHiddenLossOfGrowingGraph: the reader checks a graph again if a second loss has been added
// since the last step.
func TestHiddenLossOfGrowingGraph(t *testing.T) {
	s := newScene()
	grad(t, squares(s.w, 1), s.w)
	r := objective.Reader{CheckOps: true}
	read := func() error {
		vm := gorgonia.NewTapeMachine(s.g, gorgonia.BindDualValues(s.w))
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		_, _, err := r.Read([]gorgonia.ValueGrad{s.w})
		return err
	}
	for range 2 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	grad(t, squares(s.w, 5), s.w)
	if err := read(); err == nil || !strings.Contains(err.Error(), "was called for several") {
		t.Errorf("with a second loss: error %v", err)
	}
}

// TestHiddenLossAfterAnother: a reader can change from a loss that is not a node to a nil loss, and
// back.
func TestHiddenLossAfterAnother(t *testing.T) {
	s := newScene()
	s.loss = squares(s.w, 1)
	run(t, grad(t, s.loss, s.w), s.w)
	var r objective.Reader
	for _, loss := range []gorgonia.Valuer{function(s.loss.Value), nil, s.loss,
		function(s.loss.Value)} {
		r.Loss = loss
		want := bindtest.Numbers(s.loss.Value())[0]
		if x, _, err := r.Read([]gorgonia.ValueGrad{s.w}); err != nil || x != want {
			t.Errorf("loss %v, want %v, error %v", x, want, err)
		}
	}
}

// TestHiddenLossBeforeTheRun: if the first Read is before the first run, a later Read still detects
// that the value of another node has overwritten the loss, a tensor.
func TestHiddenLossBeforeTheRun(t *testing.T) {
	g := gorgonia.NewGraph()
	node := func(name string, rows, cols int, xs ...float64) *gorgonia.Node {
		return gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName(name),
			gorgonia.WithShape(rows, cols), gorgonia.WithValue(tensor.New(
				tensor.WithShape(rows, cols), tensor.WithBacking(xs))))
	}
	x, w := node("x", 1, 3, 1, 2, 3), node("w", 3, 1, .1, .2, .3)
	loss := gorgonia.Must(gorgonia.Square(gorgonia.Must(gorgonia.Mul(x, w))))
	times(loss, 3)
	if _, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{node("one", 1, 1, 1)},
		gorgonia.Nodes{w}); err != nil {
		t.Fatal(err)
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer vm.Close()
	var r objective.Reader
	for _, want := range []string{"run the virtual machine", "overwrites the loss"} {
		_, _, err := r.Read([]gorgonia.ValueGrad{w})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoHiddenLoss: if the loss is nil and cannot be found, the error names the cause.
func TestNoHiddenLoss(t *testing.T) {
	s, other := newScene(), newScene()
	grad(t, squares(s.w, 1), s.w)
	run(t, grad(t, squares(other.w, 1), other.w), other.w)
	type embedded struct{ *gorgonia.Node }
	var noNode *gorgonia.Node
	for name, c := range map[string]struct {
		model []gorgonia.ValueGrad
		want  string
	}{
		"hidden nodes":            {[]gorgonia.ValueGrad{embedded{s.w}}, "not nodes of a graph"},
		"weights without a graph": {[]gorgonia.ValueGrad{&batch.Param{}}, "not nodes of a graph"},
		"no weights":              {nil, "not nodes of a graph"},
		"a nil weight":            {[]gorgonia.ValueGrad{nil}, "not nodes of a graph"},
		"a nil node":              {[]gorgonia.ValueGrad{noNode}, "not nodes of a graph"},
		"without Grad":            {[]gorgonia.ValueGrad{s.v}, "has a gradient from gorgonia.Grad"},
		"before the run":          {[]gorgonia.ValueGrad{s.w}, "run the virtual machine before"},
		"two graphs":              {[]gorgonia.ValueGrad{other.w, s.w}, "another graph than w"},
	} {
		_, _, err := new(objective.Reader).Read(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestHiddenGraphsAreLetGo: the garbage collector can free graphs whose loss a reader has found.
func TestHiddenGraphsAreLetGo(t *testing.T) {
	var r objective.Reader
	const graphs = 200
	var refs []weak.Pointer[gorgonia.ExprGraph]
	for range graphs {
		func() {
			s := newScene()
			run(t, grad(t, squares(s.w, 1), s.w), s.w)
			if _, _, err := r.Read([]gorgonia.ValueGrad{s.w}); err != nil {
				t.Fatal(err)
			}
			refs = append(refs, weak.Make(s.g))
		}()
	}
	for range 3 { // machines have finalizers
		runtime.GC()
	}
	alive := 0
	for _, r := range refs {
		if r.Value() != nil {
			alive++
		}
	}
	if alive > graphs/2 {
		t.Errorf("%d of %d graphs are still in memory", alive, graphs)
	}
	runtime.KeepAlive(&r)
}

// TestWrongOpsWithoutConsequence: a wrong operation is not an error if the weights of the step do
// not influence its result.
func TestWrongOpsWithoutConsequence(t *testing.T) {
	s := newScene()
	h := gorgonia.Must(gorgonia.Log2(gorgonia.Must(gorgonia.Square(s.w))))
	loss := squares(gorgonia.Must(gorgonia.HadamardProd(h, s.v)), 1)
	run(t, grad(t, loss, s.w, s.v), s.w, s.v)
	upper := objective.Reader{Loss: loss, CheckOps: true} // of a head on a frozen net
	if _, _, err := upper.Read([]gorgonia.ValueGrad{s.v}); err != nil {
		t.Error(err)
	}
	lower := objective.Reader{Loss: loss, CheckOps: true}
	for range 3 {
		if _, _, err := lower.Read([]gorgonia.ValueGrad{s.w}); err == nil {
			t.Error("no error")
		}
	}
}
