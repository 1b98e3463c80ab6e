package l4

import (
	"math"

	"github.com/l4-go/l4/internal/record"
)

// Info reports what a step did. Two Infos can be compared with ==.
type Info struct {
	Step         int     // number of successful steps, from 1
	Loss         float64 // as read
	LMin         float64 // estimated minimum of Loss + Penalty − Floor, not multiplied by γ
	LearnRate    float64 // learning rate η
	InnerProduct float64 // gᵀv; for the type L4 at least a tenth of ‖g‖², see L4
	Length       float64 // length of the step, ‖η·v‖; 0 with WithoutBound
	Limit        float64 // upper limit of Length; 0 with WithoutBound
	Reach        float64 // r in this step, see WithBound; 0 with WithoutBound
	Path         float64 // P after this step, see WithBound; 0 with WithoutBound
	Floor        float64 // lower bound of the loss in this step; see WithLossFloor
	Skipped      int     // number of skipped steps; see WithSkipNonFinite
	Rejected     int     // number of calls of Step that returned an error
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
	c.Count(&i.Rejected)
	c.Float("the penalty", &i.Penalty, 0, largest)
}
