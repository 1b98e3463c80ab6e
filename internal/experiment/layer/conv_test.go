package layer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/l4-go/l4/internal/op"
)

// naive adds the convolution of an image to out, and the gradients to dx and dw, computed from the
// definition.
func naive(s *convSize, x, w, dout, out, dx, dw []float64) {
	for y := range s.outHeight() {
		for z := range s.outWidth() {
			for ky := range s.k {
				for kx := range s.k {
					fromY, fromX := y*s.stride+ky-s.k/2, z*s.stride+kx-s.k/2
					if fromY < 0 || fromY >= s.height || fromX < 0 || fromX >= s.width {
						continue
					}
					for i := range s.in {
						for o := range s.out {
							at, from := (y*s.outWidth()+z)*s.out+o, (fromY*s.width+fromX)*s.in+i
							tap := ((ky*s.k+kx)*s.in+i)*s.out + o
							out[at] += x[from] * w[tap]
							dx[from] += dout[at] * w[tap]
							dw[tap] += dout[at] * x[from]
						}
					}
				}
			}
		}
	}
}

func testConv[T op.Float](t *testing.T, s convSize, tolerance float64) {
	r := rand.New(rand.NewPCG(1, 2))
	normals := func(n int) ([]T, []float64) {
		xs, wide := make([]T, n), random(r, n, 0)
		for i := range xs {
			xs[i] = T(wide[i])
			wide[i] = float64(xs[i])
		}
		return xs, wide
	}
	equal := func(what string, got []T, want []float64) {
		t.Helper()
		near(t, fmt.Sprintf("%+v: %s", s, what), got, want, tolerance)
	}
	x, wideX := normals(s.inSize())
	w, wideW := normals(s.weights())
	bias, wantOut := normals(s.out)
	dout, wideDout := normals(s.outSize())
	dx, wantDX := normals(s.inSize())
	for len(wantOut) < s.outSize() {
		wantOut = append(wantOut, wantOut[:s.out]...)
	}
	wantDW := make([]float64, s.weights())
	naive(&s, wideX, wideW, wideDout, wantOut, wantDX, wantDW)

	c := newConv[T](s)
	image, grad, out, dw := c.paddedInput(), c.paddedGradient(), make([]T, s.outSize()),
		make([]T, s.weights())
	for range 2 { // the second with used memory
		image.set(x)
		grad.set(dout)
		c.pack(w)
		c.image(out, &image, bias, 0)
		equal("output", out, wantOut)
		c.startBackward(w)
		c.weightGradient(3, &image, &grad)
		c.endBackward(dw)
		equal("gradient of the weights", dw, wantDW)
	}
	before := append([]T(nil), dx...)
	c.inputGradient(dx, &grad, true)
	equal("gradient of the input, added", dx, wantDX)
	c.inputGradient(dx, &grad, false)
	for i := range dx {
		wantDX[i] -= float64(before[i])
	}
	equal("gradient of the input", dx, wantDX)
}

// TestConv compares convolutions of all sizes with naive.
func TestConv(t *testing.T) {
	for _, k := range []int{3, 5, 7} {
		for _, stride := range []int{1, 2} {
			t.Run(fmt.Sprint("filter ", k, " stride ", stride), func(t *testing.T) {
				for _, size := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 3}, {4, 4}, {5, 5},
					{7, 13}, {9, 8}} {
					for _, channels := range [][2]int{{1, 1}, {3, 5}, {16, 16}, {4, 17}, {18, 2},
						{16, 32}} {
						s := convSize{1, size[0], size[1], channels[0], channels[1], k, stride}
						testConv[float64](t, s, 1e-11)
						testConv[float32](t, s, 2e-3)
					}
				}
			})
		}
	}
}
