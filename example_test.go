package l4_test

import (
	"fmt"
	"log"
	"log/slog"
	"math"
	"os"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// Last tells what a step did: the learning rate that L4 chose, and the numbers behind it.
func ExampleSolver_Last() {
	loss := gorgonia.NewF64(2)
	w := &param{name: "w", w: gorgonia.NewF64(1), g: gorgonia.NewF64(4)}

	solver := l4.NewL4Mom(valuer{loss})
	if err := solver.Step([]gorgonia.ValueGrad{w}); err != nil {
		log.Fatal(err)
	}
	info := solver.Last()
	fmt.Printf(
		"step %d: loss %g, estimated minimum %g, gᵀv %.3g, learning rate %.3g\n",
		info.Step,
		info.Loss,
		info.LMin,
		info.InnerProduct,
		info.LearnRate,
	)
	// Output: step 1: loss 2, estimated minimum 1.5, gᵀv 16, learning rate 0.000688
}

// A batch that gives NaN costs one step and nothing else.
func ExampleErrNonFinite() {
	w := &param{name: "w", w: gorgonia.NewF64(1), g: gorgonia.NewF64(math.NaN())}

	err := l4.NewL4Adam(valuer{gorgonia.NewF64(2)}).Step([]gorgonia.ValueGrad{w})
	fmt.Println(errors.Is(err, l4.ErrNonFinite))
	fmt.Println(err)
	fmt.Println("weight", w.w, "gradient", w.g)
	// Output:
	// true
	// l4: not finite: the gradient of w is NaN at element 0: find the cause, or skip such steps with WithSkipNonFinite
	// weight 1 gradient 0
}

// A batch now and then may be NaN, but not three in a row.
func ExampleWithSkipNonFinite() {
	loss := gorgonia.NewF64(0)
	w := &param{name: "w", w: gorgonia.NewF64(1), g: gorgonia.NewF64(0)}

	solver := l4.NewL4Adam(valuer{loss}, l4.WithSkipNonFinite(2))
	for _, l := range []float64{1, math.NaN(), math.NaN(), 1, math.NaN(), math.NaN(), math.NaN()} {
		*loss = gorgonia.F64(l)
		w.setGrad([]float64{1})
		if err := solver.Step([]gorgonia.ValueGrad{w}); err != nil {
			fmt.Println(errors.Is(err, l4.ErrNonFinite))
		}
	}
	fmt.Printf("%d steps, %d batches skipped\n", solver.Last().Step, solver.Last().Skipped)
	// Output:
	// true
	// 2 steps, 4 batches skipped
}

// A program that ignores the error of Step learns of it from the log, once for each kind of error.
func ExampleWithLogger() {
	brief := func(_ []string, a slog.Attr) slog.Attr { // for this example
		if a.Key == slog.TimeKey || a.Key == "error" {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: brief})
	w := &param{name: "w", w: gorgonia.NewF64(1), g: gorgonia.NewF64(math.Inf(1))}

	solver := l4.NewL4Adam(valuer{gorgonia.NewF64(2)}, l4.WithLogger(slog.New(handler)))
	for range 3 {
		w.setGrad([]float64{math.Inf(1)})
		solver.Step([]gorgonia.ValueGrad{w})
	}
	fmt.Println(solver.Last().Rejected, "steps rejected")
	// Output:
	// level=ERROR msg="l4 rejected a step; later errors of this kind will not be logged" step=1
	// 3 steps rejected
}

// Gorgonia may store the value of another node in the memory of a loss that is a tensor. ReadLoss
// copies it in time.
func ExampleReadLoss() {
	g := gorgonia.NewGraph()
	w := gorgonia.NewVector(
		g,
		tensor.Float64,
		gorgonia.WithName("w"),
		gorgonia.WithShape(3),
		gorgonia.WithInit(gorgonia.Ones()),
	)
	square := gorgonia.Must(gorgonia.Square(w))
	loss := gorgonia.Must(
		gorgonia.Sum(gorgonia.Must(gorgonia.Reshape(square, tensor.Shape{1, 3})), 1),
	) // of shape (1)
	gorgonia.Must(
		gorgonia.Mul(loss, gorgonia.NewConstant(100.0)),
	) // takes its memory
	cost := gorgonia.Must(gorgonia.Sum(square))
	if _, err := gorgonia.Grad(cost, w); err != nil {
		log.Fatal(err)
	}

	solver := l4.NewL4Adam(l4.ReadLoss(loss)) // before the machine is made
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		log.Fatal(err)
	}
	if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
		log.Fatal(err)
	}
	fmt.Println(solver.Last().Loss)
	// Output: 3
}
