package l4

import (
	"math"

	"github.com/pkg/errors"
)

// minLoss estimates the loss that is attainable soon: the smallest loss seen, slowly forgotten (paper,
// section 2.4 and Eq. 5).
type minLoss struct {
	value float64
}

// start sets the estimate before the first step.
func (m *minLoss) start(loss, initFactor float64) { m.value = initFactor * loss }

// lower takes a new loss into account.
func (m *minLoss) lower(loss float64) { m.value = min(m.value, loss) }

// forget raises the estimate after a step.
func (m *minLoss) forget(time float64) { m.value *= 1 + 1/time }

// aboveFloor returns by how much a loss is above its floor. It may lie below by rounding alone, of so much at a
// magnitude of 1.
func (o *options) aboveFloor(loss, rounding float64) (float64, error) {
	above := loss - o.lossFloor
	if above < -rounding*max(1, math.Abs(o.lossFloor)) {
		return 0, errors.WithMessagef(ErrNegativeLoss, "loss is %v, its floor %v; set a lower bound of the loss by WithLossFloor", loss, o.lossFloor)
	}
	return max(above, 0), nil
}
