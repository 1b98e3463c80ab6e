package dataset

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func numbered(n int) *Images {
	s := &Images{Rows: 1, Cols: 2, Classes: 10}
	for i := range n {
		s.Labels = append(s.Labels, byte(i%10))
		s.Pixels = append(s.Pixels, byte(i), byte(i>>8))
	}
	return s
}

// TestWithWrongLabels: the share of wrong labels is as requested, and the nine other classes are
// equally likely.
func TestWithWrongLabels(t *testing.T) {
	const n = 60_000
	images := numbered(n)
	for _, share := range []float64{0, 0.05, 0.4, 1} {
		noisy := images.WithWrongLabels(share, rand.New(rand.NewPCG(1, 2)))
		var away [10]int // how far from the right label
		for i, label := range noisy.Labels {
			away[(10+label-images.Labels[i])%10]++
		}
		for d, count := range away {
			p := share / 9
			if d == 0 {
				p = 1 - share
			}
			if std := math.Sqrt(n * p * (1 - p)); math.Abs(float64(count)-n*p) > 4*std {
				t.Errorf("share %v: %d labels are %d off, want %v ± %.0f",
					share, count, d, n*p, std)
			}
		}
		again := images.WithWrongLabels(share, rand.New(rand.NewPCG(1, 2)))
		if !bytes.Equal(again.Labels, noisy.Labels) {
			t.Errorf("share %v: other labels with the same seed", share)
		}
		other := images.WithWrongLabels(share, rand.New(rand.NewPCG(2, 2)))
		if bytes.Equal(other.Labels, noisy.Labels) != (share == 0) {
			t.Errorf("share %v: the labels do not depend on the seed as they should", share)
		}
	}
	if !bytes.Equal(images.Labels, numbered(n).Labels) {
		t.Error("the original has changed")
	}
}

func TestWithNextLabels(t *testing.T) {
	images := numbered(20)
	next := images.WithNextLabels()
	for i, label := range next.Labels {
		if want := byte((i + 1) % 10); label != want {
			t.Errorf("label %d is %d, want %d", i, label, want)
		}
	}
	if !bytes.Equal(next.Pixels, images.Pixels) {
		t.Error("other pixels")
	}
}

func TestFirst(t *testing.T) {
	images := numbered(20)
	for n, want := range map[int]int{5: 5, 20: 20, 1000: 20} {
		first := images.First(n)
		if first.Len() != want || len(first.Pixels) != want*images.Size() || first.Classes != 10 {
			t.Errorf("first %d: %d labels, %d pixels", n, first.Len(), len(first.Pixels))
		}
	}
}

// TestSquares: Squares visits each square of two by two pixels once, and leaves out a last odd row
// or column.
func TestSquares(t *testing.T) {
	images := &Images{Rows: 3, Cols: 5, Labels: make([]byte, 2)}
	for i := range 30 {
		images.Pixels = append(images.Pixels, byte(i))
	}
	var sums []int
	images.Squares(func(sum int) { sums = append(sums, sum) })
	if want := []int{12, 20, 72, 80}; !slices.Equal(sums, want) {
		t.Errorf("sums %v, want %v", sums, want)
	}
}
