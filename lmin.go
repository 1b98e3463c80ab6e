package l4

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
