package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// copies generates the passes between parameters of type t and copies of type s.
func copies(t, s elem) {
	suffix := t.suffix
	if t.size != s.size {
		suffix += "As" + s.suffix[len("AVX2"):]
	}
	set(t, s, suffix)
	change(t, s, suffix)
	put(t, s, suffix)
}

func set(t, s elem, suffix string) {
	text("set"+suffix, fmt.Sprintf("func(dst *%s, src *%s, n int)", s.name, t.name),
		fmt.Sprintf("for i < n: dst[i] = %s(src[i])", s.name))
	dst, src := load(s, "dst"), load(t, "src")
	loop([]array{dst, src}, 4, func(x access) {
		for k := range s.vectors() {
			y := x.load(src, k*t.vectors()/s.vectors())
			x.store(convert(t, s, y, k), dst, k)
		}
	})
	VZEROUPPER()
	RET()
}

func change(t, s elem, suffix string) {
	text("change"+suffix,
		fmt.Sprintf("func(copies *%s, w, grad, mean *%s, n int, c *%[2]s) (norm, dot float64)",
			s.name, t.name),
		"for i < n:",
		fmt.Sprintf("\tv = %s(w[i]) - copies[i]; m = (c.Keep*mean[i] + c.Add*grad[i])*c.Correct",
			s.name),
		"\tnormLane[i%8] += v*v; dotLane[i%8] += m*v",
		"return the sums of the lanes; c points to a Decay")
	copies, w, g, mean := load(s, "copies"), load(t, "w"), load(t, "grad"), load(t, "mean")
	c := Load(Param("c"), GP64())
	coefficient := func(i int) reg.VecVirtual { return scalar(t, Mem{Base: c, Disp: i * t.size}) }
	keeps, adds, corrects := coefficient(keep), coefficient(add), coefficient(correct)
	norms, dots := newLanes(s), newLanes(s)
	loop([]array{copies, w, g, mean}, 1, func(x access) {
		for k := range t.vectors() {
			m, y := x.load(mean, k), x.load(g, k)
			t.mul(keeps, m, m)
			t.mul(adds, y, y)
			t.add(y, m, m)
			t.mul(corrects, m, m)
			for i, v := range difference(x, w, copies, k) {
				dots.add(k+i, convert(t, s, m, i), v, norms)
			}
		}
	})
	norm, dot := norms.total(), dots.total()
	VZEROUPPER()
	Store(norm, ReturnIndex(0))
	Store(dot, ReturnIndex(1))
	RET()
}

func put(t, s elem, suffix string) {
	text("put"+suffix,
		fmt.Sprintf("func(grad, w *%s, copies *%s, n int, scale float64)", t.name, s.name),
		fmt.Sprintf("for i < n: grad[i] = %s(scale*float64(%s(w[i]) - copies[i]))", t.name, s.name))
	g, w, copies := load(t, "grad"), load(t, "w"), load(s, "copies")
	scale := YMM()
	address, err := Param("scale").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSD(address.Addr, scale)
	loop([]array{g, w, copies}, 1, func(x access) {
		for k := range t.vectors() {
			var wide []reg.VecVirtual // the products, in float64
			for _, v := range difference(x, w, copies, k) {
				if s.size == 8 {
					wide = append(wide, v)
				} else {
					wide = append(wide, widen(v, 0), widen(v, 1))
				}
			}
			for _, v := range wide {
				VMULPD(scale, v, v)
			}
			if t.size == 8 {
				x.store(wide[0], g, k)
				continue
			}
			low, high, y := XMM(), XMM(), YMM()
			VCVTPD2PSY(wide[0], low)
			VCVTPD2PSY(wide[1], high)
			VINSERTF128(Imm(1), high, low.AsY(), y)
			x.store(y, g, k)
		}
	})
	VZEROUPPER()
	RET()
}

// difference returns w - copies for vector k of w. It returns one vector, or two vectors if the
// copies have a wider type.
func difference(x access, w, copies array, k int) []reg.VecVirtual {
	y := x.load(w, k)
	per := copies.vectors() / w.vectors()
	vs := make([]reg.VecVirtual, per)
	for i := range vs {
		vs[i] = YMM()
		copies.sub(x.load(copies, k*per+i), convert(w.elem, copies.elem, y, i), vs[i])
	}
	return vs
}

// convert returns the vector y of type t as a vector of type s. If s is wider, convert returns half
// i of y.
func convert(t, s elem, y reg.VecVirtual, i int) reg.VecVirtual {
	if t.size == s.size {
		return y
	}
	return widen(y, i)
}
