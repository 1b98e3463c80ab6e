package l4

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/record"
)

// plainPolyak is the rule of B. Polyak (1987): η = (L − floor)/‖g‖², all the way to a known
// minimum. It shows what a new rule takes.
type plainPolyak struct{}

func (plainPolyak) rate(m measured) (eta, lmin float64) { return m.loss / m.dot, 0 }
func (plainPolyak) fields(*record.Codec)                {}

type scalarParam struct{ w, g *gorgonia.F64 }

func (p scalarParam) Value() gorgonia.Value         { return p.w }
func (p scalarParam) Grad() (gorgonia.Value, error) { return p.g, nil }

// TestNewRule: Polyak's rule along the plain gradient halves the distance to the minimum of a
// parabola in each step, whatever its curvature.
func TestNewRule(t *testing.T) {
	for _, curvature := range []float64{1e-3, 1, 1e3} {
		loss, p := gorgonia.NewF64(0), scalarParam{gorgonia.NewF64(3), gorgonia.NewF64(0)}
		s := NewL4Mom(valuerOf{loss}, WithMomentumTime(1), WithoutBound())
		s.rule = plainPolyak{}
		for range 20 {
			w := float64(*p.w)
			*loss, *p.g = gorgonia.F64(curvature*w*w/2), gorgonia.F64(curvature*w)
			if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
				t.Fatal(err)
			}
			if got := float64(*p.w) / w; math.Abs(got-0.5) > 1e-12 {
				t.Fatalf(
					"curvature %v: a step leaves %v of the distance, want half",
					curvature,
					got,
				)
			}
		}
	}
}

type valuerOf struct{ v gorgonia.Value }

func (v valuerOf) Value() gorgonia.Value { return v.v }
