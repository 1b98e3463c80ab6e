// Command gen writes the AVX2 and AVX-512 assembly of package gemm. Run it by go generate in
// package gemm.
package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPS. Of the two predicates about order, the first is false for NaN and the
// second is true.
const (
	unordered    = 0x03
	lessEqual    = 0x12
	notLessEqual = 0x16
	greater      = 0x1e
)

// fields are the fields of Product that tile reads, in their order.
var fields = []string{"Rows", "Cols", "Outer", "Inner", "AI", "AJ", "AK", "BJ", "BK", "InitI", "CI"}

func main() {
	ConstraintExpr("!purego")
	tiles("tile", single, 6, 2, YMM)
	tiles("tileDouble", double, 3, 4, YMM)
	tiles("wideTile", single, 16, 1, ZMM)
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
	name string
	size int // in bytes

	broadcast, multiplyAdd, multiplyAddBroadcast, maximum func(ops ...Op)
}

var (
	single = element{"float32", 4, VBROADCASTSS, VFMADD231PS, VFMADD231PS_BCST, VMAXPS}
	double = element{"float64", 8, VBROADCASTSD, VFMADD231PD, VFMADD231PD_BCST, VMAXPD}
)

// tiles writes the products of 1 to highest rows by 16 columns. The sums of a row are in the given
// number of vectors.
func tiles(name string, e element, highest, vectors int, vector func() reg.VecVirtual) {
	TEXT(name, NOSPLIT,
		fmt.Sprintf("func(rows int, p *int, a, b, init, c *%[1]s, low %[1]s)", e.name))
	Pragma("noescape")
	height := Load(Param("rows"), GP64())
	begin := func(rows int) string { return fmt.Sprint("rows", rows) }
	for rows := highest - 1; rows > 0; rows-- {
		CMPQ(height, Imm(uint64(rows)))
		JEQ(LabelRef(begin(rows)))
	}
	for rows := highest; rows > 0; rows-- {
		Label(begin(rows))
		tile(e, rows, vectors, vector)
	}
}

func tile(e element, rows, vectors int, vector func() reg.VecVirtual) {
	product := Load(Param("p"), GP64())
	count := func(field string) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: product, Disp: 8 * slices.Index(fields, field)}, r)
		return r
	}
	stride := func(field string) reg.GPVirtual {
		r := count(field)
		IMUL3Q(Imm(uint64(e.size)), r, r) // in bytes
		return r
	}
	const columns = 16
	size := e.size * columns / vectors // of a vector, in bytes

	sums := make([][4]reg.VecVirtual, rows)
	init, initI := Load(Param("init"), GP64()), stride("InitI")
	for i := range sums {
		for h := range vectors {
			sums[i][h] = vector()
			VMOVUPS(Mem{Base: init, Disp: size * h}, sums[i][h])
		}
		if i < rows-1 {
			ADDQ(initI, init)
		}
	}

	a := newColumn(Load(Param("a"), GP64()), stride("AI"), rows)
	b, ak, bk := Load(Param("b"), GP64()), stride("AK"), stride("BK")
	outer, inner := count("Outer"), count("Inner")
	// The steps of the pointers after the inner loop, which has moved them by inner strides.
	aj, bj := stride("AJ"), stride("BJ")
	moved := GP64()
	MOVQ(inner, moved)
	IMULQ(ak, moved)
	SUBQ(moved, aj)
	MOVQ(inner, moved)
	IMULQ(bk, moved)
	SUBQ(moved, bj)

	k := GP64()
	outerLoop, innerLoop := fmt.Sprint("outer", rows), fmt.Sprint("inner", rows)
	Label(outerLoop)
	MOVQ(inner, k)
	Label(innerLoop)
	var bs [4]reg.VecVirtual
	for h := range vectors {
		bs[h] = vector()
		VMOVUPS(Mem{Base: b, Disp: size * h}, bs[h])
	}
	for i := range rows {
		if vectors == 1 {
			e.multiplyAddBroadcast(a.row(i), bs[0], sums[i][0])
			continue
		}
		x := vector()
		e.broadcast(a.row(i), x)
		for h := range vectors {
			e.multiplyAdd(x, bs[h], sums[i][h])
		}
	}
	a.advance(ak)
	ADDQ(bk, b)
	DECQ(k)
	JNZ(LabelRef(innerLoop))
	a.advance(aj)
	ADDQ(bj, b)
	DECQ(outer)
	JNZ(LabelRef(outerLoop))

	c, ci := Load(Param("c"), GP64()), stride("CI")
	low := vector()
	e.broadcast(param("low"), low)
	for i := range sums {
		for h := range vectors {
			e.maximum(sums[i][h], low, sums[i][h]) // in this order NaN passes
			VMOVUPS(sums[i][h], Mem{Base: c, Disp: size * h})
		}
		if i < rows-1 {
			ADDQ(ci, c)
		}
	}
	VZEROUPPER()
	RET()
}

// column addresses rows that are a stride apart. Each pointer addresses eight rows, at a factor
// times an odd multiple of the stride.
type column struct {
	pointers []reg.GPVirtual
	odd      []reg.GPVirtual // 1, 3, 5 and 7 strides
}

func newColumn(first reg.Register, stride reg.GPVirtual, rows int) column {
	c := column{[]reg.GPVirtual{first.(reg.GPVirtual)}, []reg.GPVirtual{stride}}
	for odd := 3; odd < min(rows, 8); odd += 2 {
		r := GP64()
		LEAQ(Mem{Base: c.odd[len(c.odd)-1], Index: stride, Scale: 2}, r)
		c.odd = append(c.odd, r)
	}
	if rows > 8 {
		r := GP64()
		LEAQ(Mem{Base: first, Index: stride, Scale: 8}, r)
		c.pointers = append(c.pointers, r)
	}
	return c
}

// row returns the address of the next number of a row.
func (c column) row(i int) Mem {
	m := Mem{Base: c.pointers[i/8]}
	if i %= 8; i > 0 {
		m.Scale = 1
		for ; i%2 == 0; i /= 2 {
			m.Scale *= 2
		}
		m.Index = c.odd[i/2]
	}
	return m
}

func (c column) advance(by reg.Register) {
	for _, p := range c.pointers {
		ADDQ(by, p)
	}
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

func param(name string) Mem {
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return c.Addr
}

// loop writes a function over n floats at each of the pointers and, if bytes is not "", n bytes at
// that pointer. n is a positive multiple of eight. The body processes eight elements.
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

// constants loads the integers from 0 to n-1, each into all lanes of a vector.
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
