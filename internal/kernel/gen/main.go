// Command gen writes the AVX2 assembly of package kernel. Run it with go generate in that package.
//
// Each loop handles eight elements a turn. The rest of up to seven goes through the same instructions
// under a mask, so that an element's result does not depend on where it lies in its slice.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turn is the number of elements a loop turn handles. It equals the number of lanes of an inner product.
const turn = 8

// elem is an element type with its instructions.
type elem struct {
	name, suffix string
	size         int
	mask         Mem // turn set words, then turn zero words

	mov, broadcast, sqrt               func(...Op)
	add, sub, mul, div, and, or, maskM func(...Op)
	cmp                                func(...Op)
}

func (e elem) perVector() int { return 32 / e.size }
func (e elem) vectors() int   { return turn / e.perVector() }

// ops lets instructions of different arity and type stand in one table.
func ops2(f func(a, b Op)) func(...Op)       { return func(o ...Op) { f(o[0], o[1]) } }
func ops3(f func(a, b, c Op)) func(...Op)    { return func(o ...Op) { f(o[0], o[1], o[2]) } }
func ops4(f func(a, b, c, d Op)) func(...Op) { return func(o ...Op) { f(o[0], o[1], o[2], o[3]) } }

func main() {
	ConstraintExpr("!purego")
	f32 := elem{
		name: "float32", suffix: "AVX2F32", size: 4, mask: maskTable("mask32", 4),
		mov: ops2(func(a, b Op) { VMOVUPS(a, b) }), broadcast: ops2(func(a, b Op) { VBROADCASTSS(a, b) }),
		sqrt: ops2(func(a, b Op) { VSQRTPS(a, b) }),
		add:  ops3(func(a, b, c Op) { VADDPS(a, b, c) }), sub: ops3(func(a, b, c Op) { VSUBPS(a, b, c) }),
		mul: ops3(func(a, b, c Op) { VMULPS(a, b, c) }), div: ops3(func(a, b, c Op) { VDIVPS(a, b, c) }),
		and: ops3(func(a, b, c Op) { VANDPS(a, b, c) }), or: ops3(func(a, b, c Op) { VORPS(a, b, c) }),
		maskM: ops3(func(a, b, c Op) { VMASKMOVPS(a, b, c) }),
		cmp:   ops4(func(a, b, c, d Op) { VCMPPS(a, b, c, d) }),
	}
	f64 := elem{
		name: "float64", suffix: "AVX2F64", size: 8, mask: maskTable("mask64", 8),
		mov: ops2(func(a, b Op) { VMOVUPD(a, b) }), broadcast: ops2(func(a, b Op) { VBROADCASTSD(a, b) }),
		sqrt: ops2(func(a, b Op) { VSQRTPD(a, b) }),
		add:  ops3(func(a, b, c Op) { VADDPD(a, b, c) }), sub: ops3(func(a, b, c Op) { VSUBPD(a, b, c) }),
		mul: ops3(func(a, b, c Op) { VMULPD(a, b, c) }), div: ops3(func(a, b, c Op) { VDIVPD(a, b, c) }),
		and: ops3(func(a, b, c Op) { VANDPD(a, b, c) }), or: ops3(func(a, b, c Op) { VORPD(a, b, c) }),
		maskM: ops3(func(a, b, c Op) { VMASKMOVPD(a, b, c) }),
		cmp:   ops4(func(a, b, c, d Op) { VCMPPD(a, b, c, d) }),
	}
	for _, e := range []elem{f32, f64} {
		bounded(e)
		update(e)
		for _, slope := range []bool{false, true} {
			direct(e, "momentum", false, false, slope)
			direct(e, "momentumGrad", false, true, slope)
			direct(e, "adam", true, false, slope)
			direct(e, "adamGrad", true, true, slope)
		}
	}
	Generate()
}

func maskTable(name string, size int) Mem {
	m := GLOBL(name, 8|16) // RODATA|NOPTR
	for i := 0; i < 2*turn; i++ {
		word := ^uint64(0)
		if i >= turn {
			word = 0
		}
		if size == 4 {
			DATA(i*size, U32(word))
		} else {
			DATA(i*size, U64(word))
		}
	}
	return m
}

// array is a slice argument being walked.
type array struct{ base reg.Register }

func load(name string) array { return array{Load(Param(name), GP64())} }

func (a array) at(e elem, vector int) Mem { return Mem{Base: a.base, Disp: 32 * vector} }

// loop emits body for every full turn, then once more, masked, for what is left. access wraps the loads
// and stores of one turn. unroll full turns go into one pass through the loop.
func loop(e elem, arrays []array, unroll int, body func(access)) {
	n := Load(Param("n"), GP64())
	advance := func(k int) {
		for _, a := range arrays {
			ADDQ(I32(k*turn*e.size), a.base)
		}
	}
	emit := func(label string, k int) {
		Label(label)
		CMPQ(n, Imm(uint64(k*turn)))
		JL(LabelRef(label + "_done"))
		for t := 0; t < k; t++ {
			body(access{e: e, first: t * e.vectors()})
		}
		advance(k)
		SUBQ(Imm(uint64(k*turn)), n)
		JMP(LabelRef(label))
		Label(label + "_done")
	}
	if unroll > 1 {
		emit("unrolled", unroll)
	}
	emit("single", 1)
	TESTQ(n, n)
	JZ(LabelRef("end"))
	table := GP64()
	LEAQ(e.mask, table)
	NEGQ(n)
	masks := make([]reg.VecVirtual, e.vectors())
	for v := range masks {
		masks[v] = YMM()
		VMOVDQU(Mem{Base: table, Index: n, Scale: uint8(e.size), Disp: turn*e.size + 32*v}, masks[v])
	}
	body(access{e: e, masks: masks})
	Label("end")
}

// access is how one turn reaches memory.
type access struct {
	e     elem
	first int // vector the turn starts at
	masks []reg.VecVirtual
}

func (x access) load(a array, vector int) reg.VecVirtual {
	y := YMM()
	if x.masks != nil {
		x.e.maskM(a.at(x.e, vector), x.masks[vector], y)
	} else {
		x.e.mov(a.at(x.e, x.first+vector), y)
	}
	return y
}

func (x access) store(y reg.VecVirtual, a array, vector int) {
	if x.masks != nil {
		x.e.maskM(y, x.masks[vector], a.at(x.e, vector))
	} else {
		x.e.mov(y, a.at(x.e, x.first+vector))
	}
}

func scalar(e elem, m Mem) reg.VecVirtual {
	y := YMM()
	e.broadcast(m, y)
	return y
}

// argument broadcasts the scalar parameter of the given name.
func argument(e elem, name string) reg.VecVirtual {
	c, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return scalar(e, c.Addr)
}

func text(name, signature string, doc ...string) {
	TEXT(name, 4, signature) // NOSPLIT
	Doc(doc...)
	Pragma("noescape")
}

func bounded(e elem) {
	text("bounded"+e.suffix, fmt.Sprintf("func(grad *%[1]s, n int, limit %[1]s) bool", e.name),
		"for i < n: if !(-limit <= grad[i] <= limit) return false; return true")
	g := load("grad")
	limit := argument(e, "limit")
	sign := YMM()
	VPCMPEQD(sign, sign, sign)
	if e.size == 4 {
		VPSRLD(Imm(1), sign, sign)
	} else {
		VPSRLQ(Imm(1), sign, sign)
	}
	bad := make([]reg.VecVirtual, 2)
	for i := range bad {
		bad[i] = YMM()
		VXORPS(bad[i], bad[i], bad[i])
	}
	next := 0
	loop(e, []array{g}, 4, func(x access) {
		for v := 0; v < e.vectors(); v++ {
			y := x.load(g, v)
			e.and(sign, y, y)
			e.cmp(Imm(6), limit, y, y) // not less or equal, true for NaN
			e.or(y, bad[next%2], bad[next%2])
			next++
		}
	})
	e.or(bad[0], bad[1], bad[0])
	ok := GP8()
	VPTEST(bad[0], bad[0])
	SETEQ(ok)
	VZEROUPPER()
	Store(ok, ReturnIndex(0))
	RET()
}

func update(e elem) {
	text("update"+e.suffix, fmt.Sprintf("func(w, v *%[1]s, n int, eta %[1]s)", e.name),
		"for i < n: w[i] -= eta*v[i]; v[i] = 0")
	w, v := load("w"), load("v")
	eta := argument(e, "eta")
	zero := YMM()
	VXORPS(zero, zero, zero)
	loop(e, []array{w, v}, 4, func(x access) {
		for k := 0; k < e.vectors(); k++ {
			d, y := x.load(v, k), x.load(w, k)
			e.mul(eta, d, d)
			e.sub(d, y, y)
			x.store(y, w, k)
			x.store(zero, v, k)
		}
	})
	VZEROUPPER()
	RET()
}

// Order of the scalars behind the pointer c: the fields of kernel.Coefficients.
const (
	meanKeep = iota
	meanAdd
	meanCorrect
	squareKeep
	squareAdd
	squareCorrect
	gradKeep
	gradAdd
	gradCorrect
	epsilon
	lastCorrect
)

func direct(e elem, name string, square, grad, slope bool) {
	params, results, doc := "grad, mean", "float64", []string{"for i < n:"}
	if slope {
		name, results = name+"Slope", "(dot, slope float64)"
		doc = append(doc, "\tlast = mean[i]*c.Last")
	}
	doc = append(doc, "\tmean[i] = c.Mean.Keep*mean[i] + c.Mean.Add*grad[i]; v = mean[i]*c.Mean.Correct; est = v")
	if square {
		params += ", square"
		doc = append(doc, "\tsquare[i] = c.Square.Keep*square[i] + c.Square.Add*(grad[i]*grad[i]); root = sqrt(square[i]*c.Square.Correct) + c.Epsilon; v /= root")
		if slope {
			doc = append(doc, "\tlast /= root")
		}
	}
	if grad {
		params += ", estimate"
		doc = append(doc, "\testimate[i] = c.Grad.Keep*estimate[i] + c.Grad.Add*grad[i]; est = estimate[i]*c.Grad.Correct")
	}
	if slope {
		doc = append(doc, "\tslopeLane[i%8] += grad[i]*last, in "+e.name)
	}
	doc = append(doc, "\tgrad[i] = v; lane[i%8] += est*v", "return the sums of the lanes; c points to a Coefficients")
	text(name+e.suffix, fmt.Sprintf("func(%s *%s, n int, c *%s) %s", params, e.name, e.name, results), doc...)

	g, mean := load("grad"), load("mean")
	arrays := []array{g, mean}
	var sq, gr array
	if square {
		sq = load("square")
		arrays = append(arrays, sq)
	}
	if grad {
		gr = load("estimate")
		arrays = append(arrays, gr)
	}
	c := Load(Param("c"), GP64())
	coefficient := func(i int) Mem { return Mem{Base: c, Disp: i * e.size} }

	type decay struct{ keep, add, correct func() reg.VecVirtual }
	// inMemory are factors to be broadcast at each use, inRegisters once before the loop.
	inMemory := func(first int) decay {
		at := func(i int) func() reg.VecVirtual {
			return func() reg.VecVirtual { return scalar(e, coefficient(i)) }
		}
		return decay{at(first), at(first + 1), at(first + 2)}
	}
	inRegisters := func(first int) decay {
		d := inMemory(first)
		for _, f := range []*func() reg.VecVirtual{&d.keep, &d.add, &d.correct} {
			y := (*f)()
			*f = func() reg.VecVirtual { return y }
		}
		return d
	}
	// average updates the vector k of avg with x and returns it.
	average := func(a access, avg array, k int, d decay, x reg.VecVirtual) reg.VecVirtual {
		y, t := a.load(avg, k), YMM()
		e.mul(d.keep(), y, y)
		e.mul(d.add(), x, t)
		e.add(t, y, y)
		a.store(y, avg, k)
		return y
	}
	dm := inRegisters(meanKeep)
	var ds decay
	var eps reg.VecVirtual
	if square {
		ds = inRegisters(squareKeep)
		if slope { // there are not registers enough
			ds = inMemory(squareKeep)
		}
		eps = scalar(e, coefficient(epsilon))
	}
	sum := newLanes(e)
	var slopes []reg.VecVirtual // lanes of the element type
	for v := 0; slope && v < e.vectors(); v++ {
		slopes = append(slopes, zero())
	}

	loop(e, arrays, 1, func(a access) {
		for k := 0; k < e.vectors(); k++ {
			x := a.load(g, k)
			v, est, last := YMM(), reg.VecVirtual(nil), reg.VecVirtual(nil)
			if slope {
				last = a.load(mean, k)
				e.mul(scalar(e, coefficient(lastCorrect)), last, last)
			}
			if square {
				x2 := YMM()
				e.mul(x, x, x2)
				s := average(a, sq, k, ds, x2)
				e.mul(ds.correct(), s, s)
				e.sqrt(s, s)
				e.add(eps, s, s)
				est = YMM()
				e.mul(dm.correct(), average(a, mean, k, dm, x), est)
				e.div(s, est, v)
				if slope {
					e.div(s, last, last)
				}
			} else {
				e.mul(dm.correct(), average(a, mean, k, dm, x), v)
				est = v
			}
			if grad {
				dg := inMemory(gradKeep) // as above
				est = YMM()
				e.mul(dg.correct(), average(a, gr, k, dg, x), est)
			}
			if slope {
				e.mul(x, last, last)
				e.add(last, slopes[k], slopes[k])
			}
			a.store(v, g, k)
			sum.add(k, est, v)
		}
	})

	dot := sum.total()
	if slope {
		l := lanes{e: e}
		if copy(l.sum[:], slopes) == 1 {
			l.sum = [2]reg.VecVirtual{widen(slopes[0], 0), widen(slopes[0], 1)}
		}
		Store(l.total(), ReturnIndex(1))
	}
	VZEROUPPER()
	Store(dot, ReturnIndex(0))
	RET()
}

// lanes are the eight partial sums of an inner product: 0 to 3 and 4 to 7.
type lanes struct {
	e   elem
	sum [2]reg.VecVirtual
}

func newLanes(e elem) lanes {
	return lanes{e, [2]reg.VecVirtual{zero(), zero()}}
}

func zero() reg.VecVirtual {
	y := YMM()
	VXORPD(y, y, y)
	return y
}

// add adds the products of two vectors, the one with index k of a turn.
func (l lanes) add(k int, a, b reg.VecVirtual) {
	if l.e.size == 8 {
		p := YMM()
		VMULPD(a, b, p)
		VADDPD(p, l.sum[k], l.sum[k])
		return
	}
	// The product of two float32 is exact in float64, so that fusing changes nothing.
	for half := range l.sum {
		x := widen(a, half)
		y := x
		if a != b {
			y = widen(b, half)
		}
		VFMADD231PD(x, y, l.sum[half])
	}
}

// widen returns half a vector of float32 as one of float64.
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
func (l lanes) total() reg.Register {
	total, high := l.sum[0], XMM()
	VADDPD(l.sum[1], total, total)
	VEXTRACTF128(Imm(1), total, high)
	VADDPD(high, total.AsX(), total.AsX())
	VSHUFPD(Imm(1), total.AsX(), total.AsX(), high)
	VADDSD(high, total.AsX(), total.AsX())
	return total.AsX()
}
