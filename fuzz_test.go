package l4_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
)

// FuzzStep steps valid and invalid models repeatedly. A step does not panic and does not make a
// weight NaN, and a rejected step does not change weights.
func FuzzStep(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed%4))
	}
	f.Fuzz(func(t *testing.T, seed uint64, faults uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		pick := func(vs ...gorgonia.Value) gorgonia.Value { return vs[r.IntN(len(vs))] }
		shape := func() []int {
			s := make([]int, r.IntN(5))
			for i := range s {
				s[i] = 1 + r.IntN(4)
			}
			return s
		}
		value := func() gorgonia.Value {
			dt := dtypes[r.IntN(2)]
			if r.IntN(5) == 0 {
				return newScalar(dt)
			}
			s := shape()
			d := tensor.New(tensor.WithShape(s...), tensor.Of(dt))
			if len(s) > 1 && r.IntN(3) == 0 {
				d.T()
			}
			if len(s) > 1 && r.IntN(4) == 0 {
				if v, err := d.Slice(nil, tensor.S(r.IntN(d.Shape()[1]))); err == nil {
					d = v.(*tensor.Dense)
				}
			}
			return d
		}
		broken := func() gorgonia.Value {
			return pick(
				nil,
				(*tensor.Dense)(nil),
				(*gorgonia.F64)(nil),
				gorgonia.NewI(3),
				gorgonia.NewB(true),
				tensor.New(
					tensor.WithShape(2),
					tensor.Of(tensor.Int),
				),
				tensor.New(tensor.WithShape(2, 2), tensor.Of(tensor.Complex128)),
				tensor.New(tensor.WithShape(0), tensor.WithBacking([]float64{})),
			)
		}
		var model []*param
		for i := range r.IntN(5) {
			w := value()
			model = append(model, &param{name: fmt.Sprint("w", i), w: w, g: cloneOf(w)})
		}
		damage := func() {
			if len(model) == 0 {
				return
			}
			p := model[r.IntN(len(model))]
			switch r.IntN(7) {
			case 0:
				p.w = broken()
			case 1:
				p.g = broken()
			case 2:
				p.err = errors.New("as told")
			case 3:
				p.g = p.w
			case 4:
				p.w = model[0].w
			case 5:
				p.w = value()
			case 6:
				model = append(model, &param{w: value(), g: value()})
			}
		}
		loss := gorgonia.NewF64(1)
		var opts []l4.Option
		for _, some := range [][]l4.Option{
			{l4.WithGradientTime(2), l4.WithEpsilon(0)}, {l4.WithClip(3)}, {l4.WithClipNorm(2)},
			{l4.WithL1Reg(0.1), l4.WithL2Reg(0.1)}, {l4.WithWeightDecay(0.1)},
			{l4.WithLossFloor(-1), l4.WithMaxLearnRate(10)},
		} {
			if r.IntN(3) == 0 {
				opts = append(opts, some...)
			}
		}
		s := solvers[slices.Sorted(maps.Keys(solvers))[r.IntN(len(solvers))]](valuer{loss}, opts...)
		for range 6 {
			if r.IntN(4) < int(faults%4) {
				damage()
			}
			for _, p := range model {
				if !isBroken(p.g) && p.g != p.w {
					eachNumber(p.g, func(x *float64) { *x = wild(r) })
				}
			}
			*loss = gorgonia.F64(math.Abs(wild(r)))
			var before []float64
			for _, p := range model {
				if !isBroken(p.w) {
					before = append(before, numbers(p.w)...)
				}
			}
			err := s.Step(valueGrads(model))
			var after []float64
			for _, p := range model {
				if !isBroken(p.w) {
					after = append(after, numbers(p.w)...)
				}
			}
			if err == nil {
				for _, p := range model {
					for _, x := range numbers(p.g) {
						if x != 0 {
							t.Fatalf(
								"the step went well, yet %s has the gradient %v",
								p.name,
								numbers(p.g),
							)
						}
					}
				}
			}
			for i := range after {
				if err != nil && after[i] != before[i] && !math.IsNaN(before[i]) {
					t.Fatalf(
						"rejected (%v), yet weight %d went from %v to %v",
						err,
						i,
						before[i],
						after[i],
					)
				}
				if math.IsNaN(after[i]) && !math.IsNaN(before[i]) && !math.IsInf(before[i], 0) {
					t.Fatalf("weight %d went from %v to NaN", i, before[i])
				}
			}
		}
	})
}

func isBroken(v gorgonia.Value) bool {
	switch v := v.(type) {
	case *gorgonia.F32:
		return v == nil
	case *gorgonia.F64:
		return v == nil
	case *tensor.Dense:
		return v == nil || v.Dtype() != tensor.Float32 && v.Dtype() != tensor.Float64
	}
	return true
}

// wild returns a number that is usually ordinary, and sometimes extreme or not finite.
func wild(r *rand.Rand) float64 {
	switch r.IntN(12) {
	case 0:
		return 0
	case 1:
		return r.NormFloat64() * 1e-300
	case 2:
		return r.NormFloat64() * 1e15
	case 3:
		if r.IntN(5) == 0 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200}[r.IntN(4)]
		}
	}
	return r.NormFloat64()
}
