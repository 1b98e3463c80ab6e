package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes holds the eight partial sums of an inner product.
type lanes struct {
	e   elem
	sum [2]reg.VecVirtual // lanes 0 to 3 and 4 to 7
}

func newLanes(e elem) *lanes {
	return &lanes{e, [2]reg.VecVirtual{zero(), zero()}}
}

func zero() reg.VecVirtual {
	y := YMM()
	VXORPD(y, y, y)
	return y
}

// add adds the elementwise product of the vectors a and b, which have index k in their turn. If
// squares is not nil, add also adds the elementwise product of b with itself to squares.
func (l *lanes) add(k int, a, b reg.VecVirtual, squares *lanes) {
	if l.e.size == 8 {
		product := func(sum *lanes, x reg.VecVirtual) {
			p := YMM()
			VMULPD(x, b, p)
			VADDPD(p, sum.sum[k], sum.sum[k])
		}
		product(l, a)
		if squares != nil {
			product(squares, b)
		}
		return
	}
	// The product of two float32 is exact in float64, so a fused addition gives the same result.
	for half := range l.sum {
		y := widen(b, half)
		x := y
		if a != b {
			x = widen(a, half)
		}
		VFMADD231PD(x, y, l.sum[half])
		if squares != nil {
			VFMADD231PD(y, y, squares.sum[half])
		}
	}
}

// widen converts one half of a vector of float32 to a vector of float64.
func widen(v reg.VecVirtual, half int) reg.VecVirtual {
	y := YMM()
	if half == 0 {
		VCVTPS2PD(v.AsX(), y)
		return y
	}
	high := XMM()
	VEXTRACTF128(Imm(1), v, high)
	VCVTPS2PD(high, y)
	return y
}

// total returns the sum of the lanes.
func (l *lanes) total() reg.Register {
	total, high := l.sum[0], XMM()
	VADDPD(l.sum[1], total, total)
	VEXTRACTF128(Imm(1), total, high)
	VADDPD(high, total.AsX(), total.AsX())
	VSHUFPD(Imm(1), total.AsX(), total.AsX(), high)
	VADDSD(high, total.AsX(), total.AsX())
	return total.AsX()
}
