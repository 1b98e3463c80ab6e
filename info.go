package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// Info reports what one step did. Values of Info can be compared with ==.
type Info struct {
	Step         int     // number of successful steps, the first is 1
	Loss         float64 // as read
	LMin         float64 // estimated minimum of Loss + Penalty − Floor, before the factor γ
	LearnRate    float64 // effective learning rate η
	InnerProduct float64 // gᵀv; of L4, not below a tenth of ‖g‖²
	Length       float64 // of the step, ‖η·v‖; like Limit, Reach and Path 0 with WithoutBound
	Limit        float64 // what the bound allowed for Length; see WithBound
	Reach        float64 // largest distance of the weights from their start, as used in this step
	Path         float64 // length of the path after this step
	Floor        float64 // lower bound of the loss in this step; see WithLossFloor
	Skipped      int     // number of steps skipped so far; see WithSkipNonFinite
	Refused      int     // number of calls of Step so far that returned an error
	Penalty      float64 // added to the loss; see WithL2Reg
}

func (i *Info) fields(c *record.Codec) {
	const largest = math.MaxFloat64
	c.Count(&i.Step)
	c.Float("the loss", &i.Loss, -largest, largest)
	c.Float("Lmin", &i.LMin, 0, largest)
	c.Float("the learning rate", &i.LearnRate, -largest, largest)
	c.Any(&i.InnerProduct)
	for _, x := range []*float64{&i.Length, &i.Limit, &i.Reach, &i.Path} {
		c.Float("a length of the bound", x, 0, math.Inf(1))
	}
	c.Float("the floor", &i.Floor, -largest, largest)
	c.Count(&i.Skipped)
	c.Count(&i.Refused)
	c.Float("the penalty", &i.Penalty, 0, largest)
}

// WithRecorder calls f with the Info of each successful step, to log or plot it.
func WithRecorder(f func(Info)) Option {
	return func(o *options) { o.recorder = f }
}
