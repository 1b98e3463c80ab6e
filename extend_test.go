package l4

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// plainPolyak is the rule of B. Polyak (1987), η = (L − floor)/‖g‖², which aims at a known minimum.
// It is an example of a new rule.
type plainPolyak struct{}

func (plainPolyak) rate(m measured) (eta, lmin float64) { return m.loss / m.dot, 0 }
func (plainPolyak) fields(*record.Codec)                {}

// scalarParam is a parameter with one element.
type scalarParam struct {
	name string
	w, g *gorgonia.F64
}

func (p scalarParam) Name() string                  { return p.name }
func (p scalarParam) Value() gorgonia.Value         { return p.w }
func (p scalarParam) Grad() (gorgonia.Value, error) { return p.g, nil }

// TestNewRule: with Polyak's rule along the plain gradient, each step halves the distance to the
// minimum of a parabola of any curvature.
func TestNewRule(t *testing.T) {
	for _, curvature := range []float64{1e-3, 1, 1e3} {
		loss, p := gorgonia.NewF64(0), scalarParam{"w", gorgonia.NewF64(3), gorgonia.NewF64(0)}
		s := NewL4Mom(valuerOf{loss}, WithMomentumTime(1), WithoutBound())
		s.rule = plainPolyak{}
		for range 20 {
			w := float64(*p.w)
			*loss, *p.g = gorgonia.F64(curvature*w*w/2), gorgonia.F64(curvature*w)
			if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
				t.Fatal(err)
			}
			if got := float64(*p.w) / w; math.Abs(got-0.5) > 1e-12 {
				t.Fatalf("curvature %v: a step leaves %v of the distance, want half",
					curvature, got)
			}
		}
	}
}

// lion is the direction of Lion (X. Chen et al., NeurIPS 2023): with a running average m of the
// gradients ∇, v = sign(c) and g = c, where c = 0.9·m + 0.1·∇; then m ← 0.99·m + 0.01·∇. It is an
// example of a new direction.
type lion struct {
	*averages // has m and saves it
	signs     flat.Pass
}

func newLion(o options) direction {
	l := &lion{averages: newAverages(o.momentumTime, 0, 0)}
	l.signs = flat.NewPass(l, lionSigns[float32], lionSigns[float64])
	return l
}

func (l *lion) form(m *flat.Model, step int) (dot, square float64, err error) {
	l.begin(m, step)
	dot, square = m.Sum(l.signs)
	return dot, square, nil
}

func lionSigns[T kernel.Float](l *lion, p *flat.Part[T]) (dot, square float64) {
	mean := flat.Elements(&l.mean, p)
	for i, m := range mean {
		c := float64(0.9*m + 0.1*p.G[i])
		mean[i] = 0.99*m + 0.01*p.G[i]
		p.G[i] = T(math.Copysign(1, c))
		dot += math.Abs(c)
		square++
	}
	return dot, square
}

// layered is the momentum with one factor per tensor: a learning rate per layer. The factor is part
// of v, so gᵀv contains the factor. layered is an example of a direction that contains another
// direction.
type layered struct {
	*averages
	factor func(name string) float64
	model  *flat.Model
	scale  flat.Pass
}

func newLayered(o options, factor func(name string) float64) direction {
	l := &layered{averages: newAverages(o.momentumTime, 0, 0), factor: factor}
	l.scale = flat.NewPass(l, scaleLayer[float32], scaleLayer[float64])
	return l
}

func (l *layered) form(m *flat.Model, step int) (dot, square float64, err error) {
	l.model = m
	if _, _, err = l.averages.form(m, step); err != nil { // g in the place of the gradients
		return 0, 0, err
	}
	dot, square = m.Sum(l.scale)
	return dot, square, nil
}

func scaleLayer[T kernel.Float](l *layered, p *flat.Part[T]) (dot, square float64) {
	factor := l.factor(l.model.Tensor(p.Tensor).Name)
	for i, g := range p.G {
		v := factor * float64(g)
		p.G[i] = T(v)
		dot += float64(g) * v
		square += v * v
	}
	return dot, square
}

// trainParabola makes steps on (a²+b²)/2 from a = b = 3 and returns the last a and b.
func trainParabola(t *testing.T, s *Solver, loss *gorgonia.F64, steps int) (a, b float64) {
	t.Helper()
	pa := scalarParam{"a", gorgonia.NewF64(3), gorgonia.NewF64(0)}
	pb := scalarParam{"b", gorgonia.NewF64(3), gorgonia.NewF64(0)}
	for range steps {
		*pa.g, *pb.g = *pa.w, *pb.w
		*loss = (*pa.w**pa.w + *pb.w**pb.w) / 2
		if err := s.Step([]gorgonia.ValueGrad{pa, pb}); err != nil {
			t.Fatal(err)
		}
	}
	return float64(*pa.w), float64(*pb.w)
}

// TestNewDirection: L4 with Lion's direction finds the minimum of a parabola, and its state can be
// saved and loaded.
func TestNewDirection(t *testing.T) {
	loss := gorgonia.NewF64(0)
	s := newSolver("L4Lion", valuerOf{loss}, newOptions(nil), newLion)
	a, b := trainParabola(t, &s, loss, 500)
	if math.Abs(a) > 0.3 || math.Abs(b) > 0.3 {
		t.Errorf("the weights went from 3 to %v and %v, want a tenth of it or less", a, b)
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	loaded := newSolver("L4Lion", valuerOf{loss}, newOptions(nil), newLion)
	if err := loaded.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if got, want := loaded.direction.(*lion).mean.F64, s.direction.(*lion).mean.F64; got[0][0] !=
		want[0][0] || want[0][0] == 0 {
		t.Errorf("loaded averages %v, saved %v", got, want)
	}
}

// TestRatePerLayer: a tensor with half the factor moves half as far in a step.
func TestRatePerLayer(t *testing.T) {
	loss := gorgonia.NewF64(0)
	factors := map[string]float64{"a": 1, "b": 0.5}
	s := newSolver("layered", valuerOf{loss}, newOptions(nil), func(o options) direction {
		return newLayered(o, func(name string) float64 { return factors[name] })
	})
	a, b := trainParabola(t, &s, loss, 1)
	if moved := 3 - a; !(moved > 0) || math.Abs((3-b)/moved-0.5) > 1e-12 {
		t.Errorf("the weights went from 3 to %v and %v", a, b)
	}
	// Along v the loss of the parabola falls by gᵀv: 3·3 + 3·1.5.
	if got := s.Last().InnerProduct; math.Abs(got-13.5) > 1e-12 {
		t.Errorf("gᵀv is %v, want 13.5", got)
	}
}

type valuerOf struct{ v gorgonia.Value }

func (v valuerOf) Value() gorgonia.Value { return v.v }
