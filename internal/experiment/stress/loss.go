package stress

import "math"

// crossEntropy returns the mean cross-entropy of rows of logits for the right classes, and writes
// its gradient to dy.
func crossEntropy[T float](logits []T, classes []byte, dy []T) float64 {
	n, width := len(classes), len(logits)/len(classes)
	loss := 0.0
	for i, class := range classes {
		row, d := logits[i*width:(i+1)*width], dy[i*width:(i+1)*width]
		top := row[0]
		for _, x := range row {
			top = max(top, x)
		}
		sum := 0.0
		for j, x := range row {
			e := math.Exp(float64(x - top))
			sum += e
			d[j] = T(e)
		}
		loss += math.Log(sum) - float64(row[class]-top)
		for j := range d {
			d[j] *= T(1 / sum / float64(n))
		}
		d[class] -= T(1 / float64(n))
	}
	return loss / float64(n)
}

// penalty is a loss of one output as a function of the output's error e. slope is its derivative.
type penalty func(e float64) (value, slope float64)

func squared(e float64) (value, slope float64) { return e * e, 2 * e }

func absolute(e float64) (value, slope float64) {
	switch {
	case e > 0:
		return e, 1
	case e < 0:
		return -e, -1
	}
	return 0, 0
}

// huber is quadratic for errors up to 1 and linear for larger errors.
func huber(e float64) (value, slope float64) {
	if math.Abs(e) <= 1 {
		return e * e / 2, e
	}
	return math.Abs(e) - 0.5, math.Copysign(1, e)
}

// meanPenalty returns the mean penalty of outputs for targets, and writes its gradient to dy.
func meanPenalty[T float](p penalty, outputs, targets, dy []T) float64 {
	sum, n := 0.0, float64(len(outputs))
	for i, y := range outputs {
		value, slope := p(float64(y) - float64(targets[i]))
		sum += value
		dy[i] = T(slope / n)
	}
	return sum / n
}
