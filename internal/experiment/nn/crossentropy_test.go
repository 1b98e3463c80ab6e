package nn

import (
	"math"
	"testing"
)

// TestCrossEntropyOfCertainty: the loss of a net that is as good as certain is small, positive and
// precise.
func TestCrossEntropyOfCertainty(t *testing.T) {
	for _, margin := range []float64{0, 1, 10, 20, 50, 80} {
		want := math.Log1p(2 * math.Exp(-margin))
		logits, target := []float32{float32(margin), 0, 0}, []float32{1, 0, 0}
		if got := meanLoss(logits, target, 1); math.Abs(got-want) > 1e-14*want || got <= 0 {
			t.Errorf("margin %v: loss %v, want %v", margin, got, want)
		}
		grad := make([]float32, 3)
		lossGradient(grad, logits, target, 1, 1)
		p := math.Exp(-margin) / (1 + 2*math.Exp(-margin))
		for i, want := range []float64{-2 * p, p, p} {
			if math.Abs(float64(grad[i])-want) > 1e-6*p {
				t.Errorf("margin %v: gradient %v of logit %d, want %v", margin, grad[i], i, want)
			}
		}
	}
	if got := meanLoss([]float32{1e30, 0}, []float32{0, 1}, 1); got != float64(float32(1e30)) {
		t.Errorf("loss %v of an utter mistake", got)
	}
}
