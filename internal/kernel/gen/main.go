// Command gen generates the AVX2 assembly of package kernel. Run it with go generate in that
// package.
//
// Each turn of a loop processes eight elements. The last turn processes up to seven elements, with
// the same instructions under a mask, so that the result for an element does not depend on its
// index.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turn is the number of elements that a turn of a loop processes. It equals the number of lanes of
// an inner product.
const turn = 8

// elem is an element type with its instructions.
type elem struct {
	name, suffix string
	size         int // in bytes
	mask         Mem // turn words of ones, then turn words of zeros

	mov, broadcast, sqrt               func(...Op)
	add, sub, mul, div, and, or, maskM func(...Op)
	cmp                                func(...Op)
}

func (e elem) perVector() int { return 32 / e.size }
func (e elem) vectors() int   { return turn / e.perVector() }

// ops2, ops3 and ops4 give instructions of 2, 3 and 4 operands the same type.
func ops2(f func(a, b Op)) func(...Op)       { return func(o ...Op) { f(o[0], o[1]) } }
func ops3(f func(a, b, c Op)) func(...Op)    { return func(o ...Op) { f(o[0], o[1], o[2]) } }
func ops4(f func(a, b, c, d Op)) func(...Op) { return func(o ...Op) { f(o[0], o[1], o[2], o[3]) } }

func main() {
	ConstraintExpr("!purego")
	f32 := elem{
		name: "float32", suffix: "AVX2F32", size: 4, mask: maskTable("mask32", 4),
		mov:       ops2(func(a, b Op) { VMOVUPS(a, b) }),
		broadcast: ops2(func(a, b Op) { VBROADCASTSS(a, b) }),
		sqrt:      ops2(func(a, b Op) { VSQRTPS(a, b) }),
		add:       ops3(func(a, b, c Op) { VADDPS(a, b, c) }),
		sub:       ops3(func(a, b, c Op) { VSUBPS(a, b, c) }),
		mul:       ops3(func(a, b, c Op) { VMULPS(a, b, c) }),
		div:       ops3(func(a, b, c Op) { VDIVPS(a, b, c) }),
		and:       ops3(func(a, b, c Op) { VANDPS(a, b, c) }),
		or:        ops3(func(a, b, c Op) { VORPS(a, b, c) }),
		maskM:     ops3(func(a, b, c Op) { VMASKMOVPS(a, b, c) }),
		cmp:       ops4(func(a, b, c, d Op) { VCMPPS(a, b, c, d) }),
	}
	f64 := elem{
		name: "float64", suffix: "AVX2F64", size: 8, mask: maskTable("mask64", 8),
		mov:       ops2(func(a, b Op) { VMOVUPD(a, b) }),
		broadcast: ops2(func(a, b Op) { VBROADCASTSD(a, b) }),
		sqrt:      ops2(func(a, b Op) { VSQRTPD(a, b) }),
		add:       ops3(func(a, b, c Op) { VADDPD(a, b, c) }),
		sub:       ops3(func(a, b, c Op) { VSUBPD(a, b, c) }),
		mul:       ops3(func(a, b, c Op) { VMULPD(a, b, c) }),
		div:       ops3(func(a, b, c Op) { VDIVPD(a, b, c) }),
		and:       ops3(func(a, b, c Op) { VANDPD(a, b, c) }),
		or:        ops3(func(a, b, c Op) { VORPD(a, b, c) }),
		maskM:     ops3(func(a, b, c Op) { VMASKMOVPD(a, b, c) }),
		cmp:       ops4(func(a, b, c, d Op) { VCMPPD(a, b, c, d) }),
	}
	for _, e := range []elem{f32, f64} {
		bounded(e)
		update(e, false)
		update(e, true)
		direct(e, "momentum", false)
		direct(e, "adam", true)
	}
	copies(f32, f32)
	copies(f32, f64)
	copies(f64, f64)
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

// array is a slice argument that a loop processes.
type array struct {
	elem
	base reg.Register
}

func load(e elem, name string) array { return array{e, Load(Param(name), GP64())} }

func (a array) at(vector int) Mem { return Mem{Base: a.base, Disp: 32 * vector} }

// loop emits a loop that runs body for each full turn, and then body with masks for the remaining
// elements. access does the loads and stores of one turn. unroll is the number of full turns in one
// iteration of the loop.
func loop(arrays []array, unroll int, body func(access)) {
	n := Load(Param("n"), GP64())
	advance := func(k int) {
		for _, a := range arrays {
			ADDQ(I32(k*turn*a.size), a.base)
		}
	}
	emit := func(label string, k int) {
		Label(label)
		CMPQ(n, Imm(uint64(k*turn)))
		JL(LabelRef(label + "_done"))
		for t := 0; t < k; t++ {
			body(access{turn: t})
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
	NEGQ(n)
	masks := map[int][]reg.VecVirtual{}
	for _, a := range arrays {
		if masks[a.size] != nil {
			continue
		}
		table := GP64()
		LEAQ(a.mask, table)
		for v := range a.vectors() {
			mask := YMM()
			VMOVDQU(Mem{Base: table, Index: n, Scale: uint8(a.size), Disp: turn*a.size + 32*v},
				mask)
			masks[a.size] = append(masks[a.size], mask)
		}
	}
	body(access{masks: masks})
	Label("end")
}

// access loads and stores the elements of one turn.
type access struct {
	turn  int                      // number of the turn in an iteration of the loop
	masks map[int][]reg.VecVirtual // masks of the last turn, by size of the elements
}

func (x access) load(a array, vector int) reg.VecVirtual {
	y := YMM()
	if x.masks != nil {
		a.maskM(a.at(vector), x.masks[a.size][vector], y)
	} else {
		a.mov(a.at(x.turn*a.vectors()+vector), y)
	}
	return y
}

func (x access) store(y reg.VecVirtual, a array, vector int) {
	if x.masks != nil {
		a.maskM(y, x.masks[a.size][vector], a.at(vector))
	} else {
		a.mov(y, a.at(x.turn*a.vectors()+vector))
	}
}

func scalar(e elem, m Mem) reg.VecVirtual {
	y := YMM()
	e.broadcast(m, y)
	return y
}

// argument returns a vector whose elements are the scalar parameter of the given name.
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
	g := load(e, "grad")
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
	loop([]array{g}, 4, func(x access) {
		for v := 0; v < e.vectors(); v++ {
			y := x.load(g, v)
			e.and(sign, y, y)
			e.cmp(Imm(6), limit, y, y) // "not less or equal", which is true for NaN
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

// update generates Update or, if from is true, UpdateFrom.
func update(e elem, from bool) {
	name, params, result, doc := "update", "w, v", "", "for i < n: w[i] -= eta*v[i]; v[i] = 0"
	if from {
		name, params, result = "updateFrom", "w, v, start", " float64"
		doc += "; lane[i%8] += (w[i]-start[i])*(w[i]-start[i]); return the sum of the lanes"
	}
	text(name+e.suffix,
		fmt.Sprintf("func(%s *%s, n int, eta %s)%s", params, e.name, e.name, result), doc)
	w, v := load(e, "w"), load(e, "v")
	arrays, unroll := []array{w, v}, 4
	var start array
	var sum *lanes
	if from {
		start = load(e, "start")
		arrays, unroll = append(arrays, start), 1
		sum = newLanes(e)
	}
	eta := argument(e, "eta")
	none := zero()
	loop(arrays, unroll, func(x access) {
		for k := 0; k < e.vectors(); k++ {
			d, y := x.load(v, k), x.load(w, k)
			e.mul(eta, d, d)
			e.sub(d, y, y)
			x.store(y, w, k)
			x.store(none, v, k)
			if from {
				e.sub(x.load(start, k), y, y)
				sum.add(k, y, y, nil)
			}
		}
	})
	if from {
		total := sum.total()
		VZEROUPPER()
		Store(total, ReturnIndex(0))
	} else {
		VZEROUPPER()
	}
	RET()
}

// The order of the scalars at the pointer c: the fields of kernel.Coefficients.
const (
	mean = iota
	square
	epsilon

	keep    = 0 // the order of the fields of a kernel.Decay
	add     = 1
	correct = 2
)

func direct(e elem, name string, adam bool) {
	params, doc := "grad, mean", []string{"for i < n:",
		"\tmean[i] = c.Mean.Keep*mean[i] + c.Mean.Add*grad[i]; m = mean[i]*c.Mean.Correct; v = m"}
	if adam {
		params += ", square"
		doc = append(doc,
			"\tsquare[i] = c.Square.Keep*square[i] + c.Square.Add*(grad[i]*grad[i])",
			"\tv /= sqrt(square[i]*c.Square.Correct) + c.Epsilon")
	}
	doc = append(doc, "\tgrad[i] = v; dotLane[i%8] += m*v")
	result := "float64"
	if adam { // the momentum's norm equals its dot
		doc, result = append(doc, "\tnormLane[i%8] += v*v"), "(dot, norm float64)"
	}
	doc = append(doc, "return the sums of the lanes; c points to a Coefficients")
	text(name+e.suffix,
		fmt.Sprintf("func(%s *%s, n int, c *%s) %s", params, e.name, e.name, result), doc...)

	arrays := []array{load(e, "grad"), load(e, "mean")}
	if adam {
		arrays = append(arrays, load(e, "square"))
	}
	c := Load(Param("c"), GP64())
	coefficient := func(average, i int) reg.VecVirtual {
		return scalar(e, Mem{Base: c, Disp: (3*average + i) * e.size})
	}
	// fold returns a function that updates a vector of an average and returns the bias-corrected
	// average.
	fold := func(average int) func(a access, k int, x reg.VecVirtual) reg.VecVirtual {
		avg := arrays[1+average]
		keeps, adds := coefficient(average, keep), coefficient(average, add)
		corrects := coefficient(average, correct)
		return func(a access, k int, x reg.VecVirtual) reg.VecVirtual {
			y, t := a.load(avg, k), YMM()
			e.mul(keeps, y, y)
			e.mul(adds, x, t)
			e.add(t, y, y)
			a.store(y, avg, k)
			e.mul(corrects, y, t)
			return t
		}
	}
	foldMean := fold(mean)
	foldSquare, eps := foldMean, reg.VecVirtual(nil)
	if adam {
		foldSquare, eps = fold(square), coefficient(epsilon, 0)
	}
	dots := newLanes(e)
	var norms *lanes
	if adam {
		norms = newLanes(e)
	}
	loop(arrays, 1, func(a access) {
		for k := 0; k < e.vectors(); k++ {
			x := a.load(arrays[0], k)
			m := foldMean(a, k, x)
			v := m
			if adam {
				e.mul(x, x, x)
				root := foldSquare(a, k, x)
				e.sqrt(root, root)
				e.add(eps, root, root)
				v = YMM()
				e.div(root, m, v)
			}
			a.store(v, arrays[0], k)
			dots.add(k, m, v, norms)
		}
	})
	dot, norm := dots.total(), reg.Register(nil)
	if adam {
		norm = norms.total()
	}
	VZEROUPPER()
	Store(dot, ReturnIndex(0))
	if adam {
		Store(norm, ReturnIndex(1))
	}
	RET()
}
