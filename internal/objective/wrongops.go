package objective

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// checkOps returns an error about the first faulty operation that the gradients depend on. It
// checks the operations that are differentiated with respect to a weight, and the operations that
// compute the gradients.
func (g graph) checkOps(weights []*gorgonia.Node, differentiated, forward nodes,
	symbolic bool) error {
	var derivs []*gorgonia.Node
	for _, w := range weights {
		if w.Deriv() != nil {
			derivs = append(derivs, w.Deriv())
		}
	}
	backward := g.below(derivs...)
	for _, n := range g.AllNodes() {
		fault := ""
		switch {
		case differentiated[n] && symbolic:
			fault = tapeFault(n)
		case differentiated[n]:
			fault = lispFault(n)
		case backward[n] && !forward[n]:
			fault = reductionFault(n)
		}
		if fault != "" {
			return errors.Errorf("l4: %v: %s, or accept the operation with WithUncheckedOps", n,
				fault)
		}
	}
	return nil
}

// tapeFault describes the fault in the gradient of an operation of Gorgonia v0.9.18 with a tape
// machine, and names a replacement. It returns "" for a correct gradient. nn/wrongops_test.go shows
// the faults.
func tapeFault(n *gorgonia.Node) string {
	if opName(n) == "elemUnaryOp" && n.Op().String() == "log2" {
		return "the gradient of Gorgonia's Log2 is wrong: use Log, times 1/ln 2"
	}
	return gradientFault(n)
}

// lispFault is tapeFault for a Lisp machine. It does not find all faults: if several operations use
// a node, one operation may overwrite the gradient of another operation.
func lispFault(n *gorgonia.Node) string {
	name := map[string]string{
		"maxOp": "Max", "minBetween": "MinBetween", "maxBetween": "MaxBetween",
		"upsampleOp": "Upsample2D", "GroupNormOp": "GroupNorm",
	}[opName(n)]
	if name != "" {
		return fmt.Sprintf("the gradient of Gorgonia's %s is wrong with a Lisp machine: "+
			"use a tape machine", name)
	}
	return gradientFault(n)
}

// gradientFault describes the faults that both machines have.
func gradientFault(n *gorgonia.Node) string {
	switch opName(n) {
	case "dropoutOp": // at p = 0.5 the gradient is right, because p = 1-p
		if p, ok := field(n, "probability"); ok && p.Float() != 0.5 {
			return fmt.Sprintf("Gorgonia's Dropout divides its gradient by p = %v instead of 1-p: "+
				"use nn.Dropout(x, %[1]v, seed) of github.com/l4-go/l4/nn", p.Float())
		}
	case "avgPoolOp":
		return "the gradient of Gorgonia's AveragePool2D is wrong: use Conv2d with constant weights"
	case "elemUnaryOp":
		if n.Op().String() == "invSqrt" {
			return "the gradient of Gorgonia's InverseSqrt is wrong: use Inverse of Sqrt"
		}
	case "linAlgBinOp":
		if strings.Contains(n.Op().String(), "⊗") {
			return "the gradient of Gorgonia's OuterProd is wrong: use Mul of a column and a row"
		}
	case "byIndicesOp":
		// The gradient has the wrong elements unless whole rows are selected, or as many elements
		// as the axis has.
		axis, ok := field(n, "axis")
		x := operands(n)[0]
		if ok && (axis.Int() > 0 || x.Dims() == 1) &&
			n.Shape()[axis.Int()] != x.Shape()[axis.Int()] {
			return "the gradient of Gorgonia's ByIndices is right only for the rows of a matrix: " +
				"use Transpose before and after ByIndices, or Mul with a one-hot matrix"
		}
	case "sparsemaxOp":
		if axis, ok := field(n, "axis"); ok && axis.Int() >= 0 && int(axis.Int()) < n.Dims()-1 {
			return "the gradient of Gorgonia's Sparsemax is right only for the last axis: use " +
				"Transpose before and after Sparsemax"
		}
	case "ctcLossOp":
		if how, ok := field(n, "reduction"); ok && how.Uint() == uint64(gorgonia.ReductionMean) {
			return "the gradient of Gorgonia's CTCLoss with ReductionMean is the gradient of the " +
				"sum: use ReductionSum, times a constant"
		}
	}
	return reductionFault(n)
}

// reductionFault describes the fault in the value of a sum or a maximum over axes. It returns ""
// for a correct value.
func reductionFault(n *gorgonia.Node) string {
	along, ok := field(n, "along")
	if op := opName(n); !ok || op != "sumOp" && op != "maxOp" {
		return ""
	}
	var axes []int
	for i := range along.Len() {
		axes = append(axes, int(along.Index(i).Int()))
	}
	shape := operands(n)[0].Shape()
	if !reducesWrongly(shape, axes) {
		return ""
	}
	return fmt.Sprintf("Gorgonia computes wrong sums, means and maxima of shape %v over the axes "+
		"%v, and so wrong gradients of a broadcast along these axes: reduce one axis at a time, "+
		"the last axis first, or use Transpose before", shape, axes)
}

// reducesWrongly reports whether tensor v0.9.24 reduces a tensor wrongly. It reduces axis by axis.
// If an axis is neither the first nor the last, tensor reads the wrong elements, unless the axis
// has size 2, or all axes between the first axis and this axis have size 1.
func reducesWrongly(shape, axes []int) bool {
	shape, axes = slices.Clone(shape), slices.Clone(axes)
	slices.Sort(axes)
	for reduced, axis := range axes {
		axis -= reduced
		if axis < 0 || axis >= len(shape) {
			return false // Gorgonia returns an error
		}
		blocks := 1
		for i := 1; i < axis; i++ {
			blocks *= shape[i]
		}
		if axis < len(shape)-1 && blocks > 1 && shape[axis] != 2 {
			return true
		}
		shape = slices.Delete(shape, axis, axis+1)
	}
	return false
}

// field returns a field of a node's operation. Gorgonia does not export the operation's type.
func field(n *gorgonia.Node, name string) (v reflect.Value, ok bool) {
	v = reflect.Indirect(reflect.ValueOf(n.Op()))
	if v.Kind() != reflect.Struct {
		return v, false
	}
	v = v.FieldByName(name)
	return v, v.IsValid()
}
