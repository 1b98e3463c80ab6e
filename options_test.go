package l4_test

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// TestOptionErrors: the first Step returns an error that names the bad option and its value, and
// does not write anything.
func TestOptionErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, opt := range map[string]l4.Option{
		"WithFraction(0)":         l4.WithFraction(0),
		"WithFraction(-0.15)":     l4.WithFraction(-0.15),
		"WithFraction(NaN)":       l4.WithFraction(nan),
		"WithFraction(+Inf)":      l4.WithFraction(inf),
		"WithMinLossFactor(1.5)":  l4.WithMinLossFactor(1.5),
		"WithMinLossFactor(-0.1)": l4.WithMinLossFactor(-0.1),
		"WithMinLossFactor(NaN)":  l4.WithMinLossFactor(nan),
		"WithInitFactor(2)":       l4.WithInitFactor(2),
		"WithInitFactor(NaN)":     l4.WithInitFactor(nan),
		"WithForgetTime(0)":       l4.WithForgetTime(0),
		"WithForgetTime(NaN)":     l4.WithForgetTime(nan),
		"WithEpsilon(-1)":         l4.WithEpsilon(-1),
		"WithEpsilon(NaN)":        l4.WithEpsilon(nan),
		"WithMomentumTime(0.5)":   l4.WithMomentumTime(0.5),
		"WithMomentumTime(+Inf)":  l4.WithMomentumTime(inf),
		"WithMomentumTime(1e+07)": l4.WithMomentumTime(1e7),
		"WithGradientTime(0)":     l4.WithGradientTime(0),
		"WithVarianceTime(0)":     l4.WithVarianceTime(0),
		"WithAdamEpsilon(-1)":     l4.WithAdamEpsilon(-1),
		"WithAdamEpsilon(NaN)":    l4.WithAdamEpsilon(nan),
		"WithClip(0)":             l4.WithClip(0),
		"WithClip(+Inf)":          l4.WithClip(inf),
		"WithClipNorm(-1)":        l4.WithClipNorm(-1),
		"WithL1Reg(-1)":           l4.WithL1Reg(-1),
		"WithL2Reg(NaN)":          l4.WithL2Reg(nan),
		"WithWeightDecay(1)":      l4.WithWeightDecay(1),
		"WithWeightDecay(-0.1)":   l4.WithWeightDecay(-0.1),
		"WithLossFloor(-Inf)":     l4.WithLossFloor(-inf),
		"WithLossFloor(NaN)":      l4.WithLossFloor(nan),
		"WithMaxLearnRate(0)":     l4.WithMaxLearnRate(0),
		"an Option is nil":        nil,
	} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		p.setGrad([]float64{3, 4})
		err := l4.NewL4Adam(valuer{gorgonia.NewF64(1)}, opt).Step([]gorgonia.ValueGrad{p})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
		wantEqual(t, numbers(p.w), []float64{1, 2})
		wantEqual(t, numbers(p.g), []float64{3, 4})
	}
	for name, opt := range map[string]l4.Option{"WithVarianceTime(100)": l4.WithVarianceTime(100),
		"WithAdamEpsilon(0.1)": l4.WithAdamEpsilon(0.1)} {
		p := newParam("w", tensor.Float64, []int{2}, []float64{1, 2})
		err := l4.NewL4Mom(valuer{gorgonia.NewF64(1)}, opt).Step([]gorgonia.ValueGrad{p})
		if err == nil || !strings.Contains(err.Error(), name) ||
			!strings.Contains(err.Error(), "only L4Adam") {
			t.Errorf("%s on L4Mom: error %v", name, err)
		}
	}
}

// TestEpsilons: the defaults are 1e-20 and 1e-8 with the bound, and the paper's 1e-12 and 1e-4
// without the bound. The order of the options does not matter.
func TestEpsilons(t *testing.T) {
	without, bound := l4.WithoutBound(), l4.WithBound(0.12)
	eps, adamEps := l4.WithEpsilon(1e-3), l4.WithAdamEpsilon(1e-2)
	for i, c := range []struct {
		opts         []l4.Option
		eps, adamEps float64
	}{
		{nil, 1e-20, 1e-8},
		{[]l4.Option{bound}, 1e-20, 1e-8},
		{[]l4.Option{without}, 1e-12, 1e-4},
		{[]l4.Option{without, bound}, 1e-20, 1e-8},
		{[]l4.Option{bound, without}, 1e-12, 1e-4},
		{[]l4.Option{eps}, 1e-3, 1e-8},
		{[]l4.Option{eps, without}, 1e-3, 1e-4},
		{[]l4.Option{without, eps}, 1e-3, 1e-4},
		{[]l4.Option{adamEps, without}, 1e-12, 1e-2},
		{[]l4.Option{without, adamEps}, 1e-12, 1e-2},
		{[]l4.Option{eps, adamEps, without}, 1e-3, 1e-2},
		{[]l4.Option{l4.WithEpsilon(0), l4.WithAdamEpsilon(0), without}, 0, 0},
	} {
		// With one weight and one step v = g/(|g| + ε'), so gᵀv = g²/(|g| + ε').
		const g = 1e-6
		loss, p := gorgonia.NewF64(0), newParam("w", tensor.Float64, []int{1}, []float64{1e9})
		info := stepOnce(t, l4.NewL4Adam(valuer{loss}, c.opts...), loss, p, 1e-9, g)
		dot := g * g / (g + c.adamEps)
		rate := 0.15 * 1e-9 * (1 - 0.9*0.75) / (dot + c.eps)
		if math.Abs(info.InnerProduct/dot-1) > 1e-9 || math.Abs(info.LearnRate/rate-1) > 1e-9 {
			t.Errorf("case %d: gᵀv %v, want %v; learning rate %v, want %v", i,
				info.InnerProduct, dot, info.LearnRate, rate)
		}
	}
}

// TestRecorder: the recorder gets the Info that Last returns, only after successful steps, and it
// may call Last.
func TestRecorder(t *testing.T) {
	var s *l4.L4Adam
	var infos []l4.Info
	loss, model := newBowl(), []*param{newParam("w", tensor.Float64, []int{3}, ramp(3, 1))}
	s = l4.NewL4Adam(loss, l4.WithSkipNonFinite(1), l4.WithRecorder(func(i l4.Info) {
		if i != s.Last() {
			t.Errorf("recorded %+v, Last is %+v", i, s.Last())
		}
		infos = append(infos, i)
	}))
	for _, scale := range []float64{1, math.NaN(), 1, math.NaN(), math.NaN(), 1} {
		loss.eval(model, 1)
		*loss.F64 *= gorgonia.F64(scale)
		_ = s.Step(valueGrads(model))
	}
	if len(infos) != 3 || infos[2].Step != 3 || infos[2].Skipped != 2 {
		t.Errorf("recorded %+v", infos)
	}
}
