package l4

import (
	"math"

	"github.com/l4-go/l4/internal/flat"
	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

// clip limits each element of the gradients, and then the norm of all gradients. It turns the
// gradients g into c. Along c the directional derivative of the loss is gᵀc. But the solver divides
// by cᵀc, which is about gᵀc·(gᵀc/gᵀg), so its steps would be too long. So clip measures the share
// gᵀc/gᵀg, and the rule multiplies the progress that a step aims for by this share.
type clip struct {
	element float64 // limit of an element; +Inf: no limit
	norm    float64 // limit of the norm; 0: no limit
	time    float64 // time scale of mean, equal to g's
	scale   float64 // reduces the norm to its limit
	now     float64 // gᵀc/gᵀg of this step, from 0 to 1
	mean    float64 // running average of now, biased towards its initial value 0

	slopes, squares, clips flat.Pass
}

func newClip(element, norm, time float64) *clip {
	c := &clip{element: element, norm: norm, time: time}
	if element == 0 {
		c.element = math.Inf(1)
	}
	c.slopes = flat.NewPass(c, clipSlopes[float32], clipSlopes[float64])
	c.squares = flat.NewPass(c, clipSquares[float32], clipSquares[float64])
	c.clips = flat.NewPass(c, clipPart[float32], clipPart[float64])
	return c
}

func (c *clip) measure(m *flat.Model) (penalty float64, err error) {
	square, clipped := m.Sum(c.slopes)
	if err := checkNumber("norm of the gradients", square); err != nil { // the sum may overflow
		return 0, err
	}
	c.scale, c.now = 1, 1
	if c.norm > 0 {
		sum, _ := m.Sum(c.squares)
		c.scale = min(1, c.norm/math.Sqrt(sum))
	}
	if square > 0 {
		c.now = c.scale * clipped / square
	}
	return 0, nil
}

func (c *clip) apply(m *flat.Model) { m.Sum(c.clips) }

// commit adds this step's share to the running average, and returns the bias-corrected average.
func (c *clip) commit(step int) (share float64) {
	beta := 1 - 1/c.time
	c.mean = float64(beta*c.mean) + float64((1-beta)*c.now)
	return c.mean / (1 - math.Pow(beta, float64(step)))
}

func (c *clip) fields(r *record.Codec) {
	const largest = 1 + 1e-9 // 1, and rounding errors
	r.Float("the average share that clipping leaves", &c.mean, 0, largest)
}

func clipped[T kernel.Float](c *clip, g T) T {
	limit := T(c.element)
	return max(-limit, min(g, limit))
}

func clipSlopes[T kernel.Float](c *clip, p *flat.Part[T]) (square, slope float64) {
	for _, g := range p.G {
		square += float64(float64(g) * float64(g))
		slope += float64(float64(clipped(c, g)) * float64(g))
	}
	return square, slope
}

func clipSquares[T kernel.Float](c *clip, p *flat.Part[T]) (sum, _ float64) {
	for _, g := range p.G {
		x := float64(clipped(c, g))
		sum += float64(x * x)
	}
	return sum, 0
}

func clipPart[T kernel.Float](c *clip, p *flat.Part[T]) (_, _ float64) {
	for i, g := range p.G {
		p.G[i] = clipped(c, g) * T(c.scale)
	}
	return 0, 0
}

// WithClip clips each gradient element to [−c, c], before anything else is done with it. Above 0;
// default: no clipping. Use it for losses whose gradients explode occasionally, as in recurrent
// nets. L4 rarely needs it, because the loss and not the gradient sets the length of a step.
//
// Clipping reduces gᵀv, and this alone would lengthen the step. Therefore the step aims for less
// progress: L − γ·Lmin is multiplied by the fraction of the slope that remains after clipping. This
// fraction is averaged over the time scale of g.
func WithClip(c float64) Option { return option("WithClip", c) }

// WithClipNorm scales all gradients down together if their Euclidean norm exceeds c. Above 0;
// default: no clipping. It comes after WithClip and before everything else. Use it instead of
// WithClip to keep the direction of the gradient; see WithClip for its effect on the step.
func WithClipNorm(c float64) Option { return option("WithClipNorm", c) }
