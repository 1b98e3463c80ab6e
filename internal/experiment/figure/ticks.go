package figure

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// roundDown returns the largest number in the series 1, 2, 5, 10 and so on that is not above x.
func roundDown(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{5, 2} {
		if m*decade <= x {
			return m * decade
		}
	}
	return decade
}

// decades marks powers of ten, and on short axes also their multiples by 2 and 5. It labels at most
// about eight of the powers.
type decades struct{}

func (decades) Ticks(low, high float64) []plot.Tick {
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	every := math.Max(1, math.Ceil((last-first)/8))
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < low || v > high || (m > 1 && last-first > 3) {
				continue
			}
			t := plot.Tick{Value: v}
			if math.Mod(e, every) == 0 {
				t.Label = strconv.FormatFloat(v, 'g', 3, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// evenly marks up to seven integers at equal distances.
type evenly struct{}

func (evenly) Ticks(low, high float64) []plot.Tick {
	every := math.Max(1, 1/roundDown(6/(high-low)))
	var ticks []plot.Tick
	for v := every * math.Ceil(low/every); v <= high; v += every {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}
