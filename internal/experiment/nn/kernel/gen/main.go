// Command gen writes the AVX2 assembly of package kernel. Run it with go generate in that package.
package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPS. Of those about order the first is false for NaN, the second true.
const (
	unordered    = 0x03
	lessEqual    = 0x12
	notLessEqual = 0x16
	greater      = 0x1e
)

// fields are those of Product that tile reads, in their order.
var fields = []string{"Rows", "Cols", "Outer", "Inner", "AI", "AJ", "AK", "BJ", "BK", "InitI", "CI"}

func main() {
	ConstraintExpr("!purego")
	for rows := 1; rows <= 6; rows++ {
		tile(rows, single)
	}
	for rows := 1; rows <= 6; rows++ {
		tile(rows, double)
	}
	passes()
	numbers := GLOBL("numbers", NOPTR|RODATA)
	for i := range 5 {
		DATA(4*i, U32(uint32(i)))
	}
	pool(numbers)
	unpool(numbers)
	Generate()
}

// element is the type of the numbers of a product.
type element struct {
	suffix, name string
	shift        uint64 // logarithm of its size in bytes

	broadcast            func(ops ...Op)
	multiplyAdd, maximum func(ops ...Op)
}

var (
	single = element{"", "float32", 2, VBROADCASTSS, VFMADD231PS, VMAXPS}
	double = element{"Double", "float64", 3, VBROADCASTSD, VFMADD231PD, VMAXPD}
)

// tile writes the product of some rows by the columns of two vectors, 16 of float32 or 8 of
// float64. They hold the sums.
func tile(rows int, e element) {
	TEXT(fmt.Sprint("tile", e.suffix, rows), NOSPLIT,
		fmt.Sprintf("func(p *int, a, b, init, c *%[1]s, low %[1]s)", e.name))
	Pragma("noescape")
	product := Load(Param("p"), GP64())
	count := func(field string) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: product, Disp: 8 * slices.Index(fields, field)}, r)
		return r
	}
	stride := func(field string) reg.GPVirtual {
		r := count(field)
		SHLQ(Imm(e.shift), r) // in bytes
		return r
	}

	var sums [6][2]reg.VecVirtual
	init, initI := Load(Param("init"), GP64()), stride("InitI")
	for i := range rows {
		for h := range 2 {
			sums[i][h] = YMM()
			VMOVUPS(Mem{Base: init, Disp: 32 * h}, sums[i][h])
		}
		if i < rows-1 {
			ADDQ(initI, init)
		}
	}

	a, b := Load(Param("a"), GP64()), Load(Param("b"), GP64())
	ai, ak, bk := stride("AI"), stride("AK"), stride("BK")
	outer, inner := count("Outer"), count("Inner")
	// What is to be added after the inner loop, which has moved the pointers by inner strides.
	aj, bj := stride("AJ"), stride("BJ")
	moved := GP64()
	MOVQ(inner, moved)
	IMULQ(ak, moved)
	SUBQ(moved, aj)
	MOVQ(inner, moved)
	IMULQ(bk, moved)
	SUBQ(moved, bj)

	// Rows 3 to 5 have a pointer of their own, as an address has no factor 3.
	pointers := []reg.Register{a}
	if rows > 3 {
		a3 := GP64()
		LEAQ(Mem{Base: a, Index: ai, Scale: 2}, a3)
		ADDQ(ai, a3)
		pointers = append(pointers, a3)
	}
	advance := func(by reg.Register) {
		for _, p := range pointers {
			ADDQ(by, p)
		}
	}

	k := GP64()
	Label("outer")
	MOVQ(inner, k)
	Label("inner")
	b0, b1, x := load(Mem{Base: b}), load(Mem{Base: b, Disp: 32}), []reg.VecVirtual{YMM(), YMM()}
	for i := range rows {
		m := Mem{Base: pointers[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = ai, uint8(i%3)
		}
		e.broadcast(m, x[i%2])
		e.multiplyAdd(x[i%2], b0, sums[i][0])
		e.multiplyAdd(x[i%2], b1, sums[i][1])
	}
	advance(ak)
	ADDQ(bk, b)
	DECQ(k)
	JNZ(LabelRef("inner"))
	advance(aj)
	ADDQ(bj, b)
	DECQ(outer)
	JNZ(LabelRef("outer"))

	c, ci := Load(Param("c"), GP64()), stride("CI")
	low := broadcastParam("low", e)
	for i := range rows {
		for h := range 2 {
			e.maximum(sums[i][h], low, sums[i][h]) // in this order NaN passes
			VMOVUPS(sums[i][h], Mem{Base: c, Disp: 32 * h})
		}
		if i < rows-1 {
			ADDQ(ci, c)
		}
	}
	VZEROUPPER()
	RET()
}

func load(m Mem) reg.VecVirtual {
	r := YMM()
	VMOVUPS(m, r)
	return r
}

func zero() reg.VecVirtual {
	r := YMM()
	VXORPS(r, r, r)
	return r
}

func broadcastParam(name string, e element) reg.VecVirtual {
	r := YMM()
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	e.broadcast(c.Addr, r)
	return r
}

// loop writes a function of n floats, a positive multiple of eight, behind each of some pointers,
// and bytes behind another one if it has a name. The body handles eight.
func loop(name string, pointers []string, bytes string, before func(),
	body func(at func(pointer string) Mem)) {
	signature := "func(n int"
	for _, p := range pointers {
		if p == bytes {
			signature += ", " + p + " *uint8"
		} else {
			signature += ", " + p + " *float32"
		}
	}
	TEXT(name, NOSPLIT, signature+")")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	base := map[string]reg.Register{}
	for _, p := range pointers {
		base[p] = Load(Param(p), GP64())
	}
	before()
	i := GP64()
	XORQ(i, i)
	Label("loop")
	body(func(p string) Mem {
		if p == bytes {
			return Mem{Base: base[p], Index: i, Scale: 1}
		}
		return Mem{Base: base[p], Index: i, Scale: 4}
	})
	ADDQ(Imm(8), i)
	CMPQ(i, n)
	JLT(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func passes() {
	type pointers = []string
	type at = func(string) Mem
	nothing := func() {}
	loop("add", pointers{"sum", "x"}, "", nothing, func(p at) {
		x := load(p("x"))
		VADDPS(p("sum"), x, x)
		VMOVUPS(x, p("sum"))
	})
	loop("addSquares", pointers{"sum", "x", "mean"}, "", nothing, func(p at) {
		x, sum := load(p("x")), load(p("sum"))
		VSUBPS(p("mean"), x, x)
		VFMADD231PS(x, x, sum)
		VMOVUPS(sum, p("sum"))
	})
	var none reg.VecVirtual
	zeros := func() { none = zero() }
	loop("normalize", pointers{"y", "x", "scale", "shift", "plus"}, "", zeros, func(p at) {
		x, scale := load(p("x")), load(p("scale"))
		VFMADD213PS(p("shift"), scale, x)
		VADDPS(p("plus"), x, x)
		VMAXPS(x, none, x)
		VMOVUPS(x, p("y"))
	})
	loop("mask", pointers{"dx", "dy", "y", "x", "mean", "sum", "sumX"}, "", zeros, func(p at) {
		d, x, sumX := load(p("y")), load(p("x")), load(p("sumX"))
		VCMPPS(Imm(notLessEqual), none, d, d)
		VANDPS(p("dy"), d, d)
		VMOVUPS(d, p("dx"))
		VSUBPS(p("mean"), x, x)
		VFMADD231PS(x, d, sumX)
		VMOVUPS(sumX, p("sumX"))
		VADDPS(p("sum"), d, d)
		VMOVUPS(d, p("sum"))
	})
	loop("combine", pointers{"d", "x", "y", "a", "b", "c"}, "", nothing, func(p at) {
		x, y, b := load(p("x")), load(p("y")), load(p("b"))
		VFMADD213PS(p("c"), b, y)
		VFMADD231PS(p("a"), x, y)
		VMOVUPS(y, p("d"))
	})
}

// constants loads the numbers from 0 on, as integers, each in all lanes.
func constants(table Mem, n int) []reg.VecVirtual {
	var all []reg.VecVirtual
	for i := range n {
		r := YMM()
		VPBROADCASTD(table.Offset(4*i), r)
		all = append(all, r)
	}
	return all
}

func pool(numbers Mem) {
	var number []reg.VecVirtual
	var none reg.VecVirtual
	loop("pool", []string{"y", "where", "x0", "x1", "x2", "x3"}, "where",
		func() { number, none = constants(numbers, 5), zero() },
		func(p func(string) Mem) {
			best, at := load(p("x0")), YMM()
			VMOVAPS(number[0], at)
			take := YMM()
			for i := 1; i < 4; i++ {
				x, nan := load(p(fmt.Sprint("x", i))), YMM()
				VCMPPS(Imm(greater), best, x, take)
				VCMPPS(Imm(unordered), x, x, nan)
				VORPS(nan, take, take)
				VBLENDVPS(take, x, best, best)
				VBLENDVPS(take, number[i], at, at)
			}
			VCMPPS(Imm(lessEqual), none, best, take)
			VBLENDVPS(take, none, best, best)
			VBLENDVPS(take, number[4], at, at)
			VMOVUPS(best, p("y"))
			upper := XMM()
			VEXTRACTI128(Imm(1), at, upper)
			VPACKUSDW(upper, at.AsX(), upper)
			VPACKUSWB(upper, upper, upper)
			VMOVQ(upper, p("where"))
		})
}

func unpool(numbers Mem) {
	var number []reg.VecVirtual
	loop("unpool", []string{"x0", "x1", "x2", "x3", "dy", "where"}, "where",
		func() { number = constants(numbers, 4) },
		func(p func(string) Mem) {
			at, dy := YMM(), load(p("dy"))
			VPMOVZXBD(p("where"), at)
			for i := range 4 {
				d := YMM()
				VPCMPEQD(number[i], at, d)
				VANDPS(dy, d, d)
				VMOVUPS(d, p(fmt.Sprint("x", i)))
			}
		})
}
