package l4_test

import (
	"testing"

	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestGradientTimeState: WithGradientTime does not change anything if it equals the momentum time.
func TestGradientTimeState(t *testing.T) {
	model := func() []*param {
		return []*param{newParam("w", tensor.Float64, []int{9}, ramp(9, 1))}
	}
	for _, name := range []string{"L4Adam", "L4Mom"} {
		newSolver := solvers[name]
		want := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5))
		got := descend(t, newSolver, model(), 20, 1, l4.WithMomentumTime(5), l4.WithGradientTime(5))
		t.Run(name, func(t *testing.T) { wantEqual(t, got, want) })
	}
}
