package compare

import "math"

// Right returns the number of rows of scores whose largest number is finite and is in the column of
// the row's label.
func Right[T float32 | float64](scores []T, labels []byte) int {
	right, width := 0, len(scores)/len(labels)
	for i, label := range labels {
		row, best := scores[i*width:(i+1)*width], 0
		for j, x := range row {
			if x > row[best] {
				best = j
			}
		}
		if best == int(label) && isFinite(float64(row[best])) {
			right++
		}
	}
	return right
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
