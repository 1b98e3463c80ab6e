package programs

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"
)

// TestGrid: the mean return of the best policy follows from the distances to the goal, and a move
// into a wall does not change the field.
func TestGrid(t *testing.T) {
	g := grid{side: 4, goal: 0, pit: 15}
	up := func(field int) int {
		if field >= g.side {
			return 0
		}
		return 2
	}
	// The 14 fields other than goal and pit are at distances 1, 1, 2, …, which add up to 42.
	want := 1 - 0.05*(42.0/14-1)
	if got := g.meanReturn(up); math.Abs(got-want) > 1e-12 {
		t.Errorf("mean return %v, want %v", got, want)
	}
	if next, reward, ended := g.move(3, 3); next != 3 || ended || reward != -0.05 {
		t.Errorf("into the wall: %d, %v, %v", next, reward, ended)
	}
	if next, reward, ended := g.move(14, 3); next != 15 || !ended || reward != -1 {
		t.Errorf("into the pit: %d, %v, %v", next, reward, ended)
	}
}

// TestPlay: the moves follow the policy, and the returns are the discounted sums of the rewards up
// to the end of an episode.
func TestPlay(t *testing.T) {
	g := grid{side: 4, goal: 0, pit: 15}
	always := table{gridMoves, slices.Repeat([]float64{1, 0, 0, 0}, 16)} // up
	fields, moves, returns := g.play(rand.New(rand.NewPCG(1, 0)), always, 500, 0.5)
	if len(fields) != 500 || len(moves) != 500 || len(returns) != 500 {
		t.Fatalf("%d fields, %d moves, %d returns", len(fields), len(moves), len(returns))
	}
	for i := range 480 { // the last episode is cut off
		if moves[i] != 0 {
			t.Fatalf("move %d", moves[i])
		}
		if fields[i] == 4 && returns[i] != 1 || fields[i] == 8 && returns[i] != -0.05+0.5 {
			t.Errorf("return %v from field %d", returns[i], fields[i])
		}
	}
	even := table{gridMoves, slices.Repeat([]float64{0.25}, 16*gridMoves)}
	var counts [gridMoves]int
	_, moves, _ = g.play(rand.New(rand.NewPCG(1, 0)), even, 4000, 0.5)
	for _, m := range moves {
		counts[m]++
	}
	for m, n := range counts {
		if n < 900 || n > 1100 {
			t.Errorf("%d of 4000 moves are move %d, want 900 to 1100", n, m)
		}
	}
}

// TestEnergyDistance: the energy distance is 0 for equal samples. If all points within each sample
// are equal, it is twice the distance between the samples.
func TestEnergyDistance(t *testing.T) {
	a, b := table{2, []float64{0, 0, 0, 0}}, table{2, []float64{3, 4}}
	if d := energyDistance(a, b); d != 10 {
		t.Errorf("%v, want 10", d)
	}
	c := table{2, normals(rand.New(rand.NewPCG(1, 0)), 40, 1)}
	if d := energyDistance(c, c); math.Abs(d) > 1e-12 {
		t.Errorf("%v for equal samples, want 0", d)
	}
}

// TestGlorot: the variance is 2/(inputs + outputs). A convolution counts each channel once for each
// pixel of the filter.
func TestGlorot(t *testing.T) {
	init := glorot(rand.New(rand.NewPCG(1, 0)))
	for _, c := range []struct {
		shape tensor.Shape
		want  float64
	}{
		{tensor.Shape{100, 300}, math.Sqrt(2.0 / 400)},
		{tensor.Shape{40, 20, 3, 3}, math.Sqrt(2.0 / 540)},
	} {
		got := rootMeanSquare(init(tensor.Float64, c.shape...).([]float64))
		if math.Abs(got/c.want-1) > 0.03 {
			t.Errorf("shape %v: deviation %v, want %v", c.shape, got, c.want)
		}
	}
}

// TestDigits: the pixels are from 0 to 1, and the target of the label is in the label's column.
func TestDigits(t *testing.T) {
	train, test := loadDigits()
	for want, d := range map[int]digits{2000: train, 1000: test} {
		if d.x.rows() != want || len(d.labels) != want {
			t.Fatalf("%d digits, %d labels, want %d", d.x.rows(), len(d.labels), want)
		}
	}
	if lo, hi := slices.Min(train.x.data), slices.Max(train.x.data); lo != 0 || hi > 1 || hi < 0.9 {
		t.Errorf("pixels from %v to %v", lo, hi)
	}
	y := train.targets(0.9, 0.1)
	for i, label := range train.labels {
		for class, p := range y.row(i) {
			if want := map[bool]float64{true: 0.9, false: 0.1}[class == int(label)]; p != want {
				t.Fatalf("digit %d: target %v", i, y.row(i))
			}
		}
	}
}

// TestTable checks pick, cycle, draw and the two metrics of predictions.
func TestTable(t *testing.T) {
	x := table{2, []float64{0, 1, 2, 3, 4, 5}}
	if got := x.pick([]int{2, 0}); !slices.Equal(got, []float64{4, 5, 0, 1}) {
		t.Errorf("picked %v", got)
	}
	next := cycle(2, 3)
	if got := slices.Concat(next(), next(), next()); !slices.Equal(got, []int{0, 1, 2, 0, 1, 2}) {
		t.Errorf("cycle %v", got)
	}
	xs := draw(rand.New(rand.NewPCG(1, 0)), 1000, 7)
	if slices.Min(xs) != 0 || slices.Max(xs) != 6 {
		t.Errorf("drawn from %d to %d", slices.Min(xs), slices.Max(xs))
	}
	pred, y := table{2, []float64{0.2, 0.8, 0.9, 0.1}}, table{2, []float64{0, 1, 0, 1}}
	if got := accuracy(pred, y); got != 50 {
		t.Errorf("accuracy %v, want 50", got)
	}
	pred, y = table{1, []float64{1, 2}}, table{1, []float64{4, 6}}
	if got := rootMeanSquareError(pred, y); got != 5/math.Sqrt(2) {
		t.Errorf("error %v", got)
	}
}
