package l4

import (
	"encoding"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/pkg/errors"
	"gorgonia.org/tensor"
)

var (
	_ encoding.BinaryMarshaler   = (*Solver)(nil)
	_ encoding.BinaryUnmarshaler = (*Solver)(nil)
)

const (
	stateMagic   = "L4solver"
	stateVersion = 2
)

// Codes of dtypes in a saved state.
const codeFloat32, codeFloat64 = 1, 2

var stateTable = crc32.MakeTable(crc32.Castagnoli)

// MarshalBinary returns the whole state of the solver: loaded into a new solver of the same kind and options,
// it makes training go on to the bit as if it had never stopped. The weights are not part of it.
//
// That of an L4 includes the state of its inner solver, which must be an encoding.BinaryMarshaler; Gorgonia's are
// not.
//
// The format, version 2. Integers are unsigned and little-endian like all numbers; a real number is a float64. What is
// marked * is not in version 1.
//
//	8 bytes "L4solver"
//	uint16  version
//	uint8   solver: 1 L4Adam, 2 L4Mom, 3 L4
//	uint8 * number of hyper-parameters, in version 1 nine
//	real    each: fraction, min loss factor, init factor, forget time, epsilon, momentum time, gradient time,
//	        variance time, Adam epsilon, clip*, clip norm*, L1*, L2*, weight decay*, loss floor*, max learning rate*,
//	        guard*
//	uint64  Info: step
//	real    loss, Lmin, learning rate, inner product, penalty*, trust*, slope ratio*
//	uint64  skipped
//	uint64  skipped in a row
//	real    Lmin for the next step
//	real  * average of what clipping leaves of the slope
//	real  * six numbers of the guard, if there is one
//	uint32  number of parameters, and for each:
//	        uint32 length of its name, and name
//	        uint8  dtype: 1 float32, 2 float64
//	        uint8  number of dimensions
//	        uint64 each size
//	        the running averages of its elements in row-major order: of the gradient, of its square (L4Adam), and of
//	        the gradient on its own time scale (if gradient time and momentum time differ)
//	      * the last direction (L4 with a guard)
//	uint64* length of the inner solver's state, and state (L4)
//	uint32  CRC-32C of all bytes before it
func (s *Solver) MarshalBinary() ([]byte, error) {
	if s.opts.err != nil {
		return nil, s.opts.err
	}
	inner, err := s.inner.state()
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint16([]byte(stateMagic), stateVersion)
	params := s.opts.hyperParameters()
	b = append(b, byte(s.kind), byte(len(params)))
	for _, x := range params {
		b = appendFloat(b, *x.value)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(s.last.Step))
	for _, x := range s.last.numbers() {
		b = appendFloat(b, *x)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(s.last.Skipped))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.skipped))
	b = appendFloat(b, s.lmin.value)
	b = appendFloat(b, s.clip.mean)
	for _, x := range s.guard.numbers() {
		b = appendFloat(b, *x)
	}

	model := s.model
	if s.last.Step == 0 {
		model = nil // a model that failed its first step does not count
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(model)))
	for i, p := range model {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s.names[i])))
		b = append(b, s.names[i]...)
		b = p.appendState(b)
		if s.keepsDirection() {
			b, _ = binary.Append(b, binary.LittleEndian, p.direction()) // cannot fail for slices of floats
		}
	}
	if s.inner != nil {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(inner)))
		b = append(b, inner...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, stateTable)), nil
}

// UnmarshalBinary takes over a state that MarshalBinary has saved. The next Step must be given the same
// parameters, by name, dtype, shape and order. An error leaves the solver as it was: for bytes that are not a
// whole saved state, and for one of another kind of solver or other options.
func (s *Solver) UnmarshalBinary(data []byte) error {
	if s.opts.err != nil {
		return s.opts.err
	}
	loaded, err := s.decode(data)
	if err == nil {
		err = s.inner.setState(loaded.inner)
	}
	if err != nil {
		return errors.WithMessage(err, "l4: saved state")
	}
	s.last, s.skipped, s.lmin, s.clip = loaded.last, loaded.skipped, loaded.lmin, loaded.clip
	if s.guard != nil {
		*s.guard = loaded.guard
	}
	s.setModel(loaded.model, loaded.names)
	return nil
}

// keepsDirection reports whether the next step needs the direction of the last, and cannot form it anew.
func (s *Solver) keepsDirection() bool { return s.guard != nil && s.inner != nil }

// numbers are the real ones among those of a saved state.
func (i *Info) numbers() []*float64 {
	return []*float64{&i.Loss, &i.LMin, &i.LearnRate, &i.InnerProduct, &i.Penalty, &i.Trust, &i.SlopeRatio}
}

// numbersOfVersion1 are how many of them, and how many hyper-parameters, a state of version 1 holds.
const infoNumbersOfVersion1, hyperParametersOfVersion1 = 4, 9

// state is what a saved state holds beyond the options.
type state struct {
	last    Info
	skipped int
	lmin    minLoss
	clip    clipRecord
	guard   guard
	model   []parameter
	names   []string
	inner   []byte
}

func (s *Solver) decode(data []byte) (*state, error) {
	body := len(data) - crc32.Size
	if body < len(stateMagic) || string(data[:len(stateMagic)]) != stateMagic {
		return nil, errors.New("not a state of a solver")
	}
	if sum := binary.LittleEndian.Uint32(data[body:]); sum != crc32.Checksum(data[:body], stateTable) {
		return nil, errors.New("damaged: the checksum does not match")
	}
	d := &decoder{data: data[len(stateMagic):body]}
	version := d.uint16()
	if version < 1 || version > stateVersion {
		return nil, errors.Errorf("version %d, want at most %d", version, stateVersion)
	}
	if k := kind(d.uint8()); k != s.kind {
		return nil, errors.Errorf("of another kind of solver: %d, want %d (1 is L4Adam, 2 L4Mom, 3 L4)", k, s.kind)
	}
	if err := s.decodeHyperParameters(d, version); err != nil {
		return nil, err
	}
	st := new(state)
	st.last.Step = d.count()
	st.last.Trust = 1
	for i, x := range st.last.numbers() {
		if version > 1 || i < infoNumbersOfVersion1 {
			*x = d.float64()
		}
	}
	st.last.Skipped = d.count()
	st.skipped = d.count()
	st.lmin.value = d.float64()
	if version > 1 {
		st.clip.mean = d.float64()
	}
	if s.guard != nil {
		for _, x := range st.guard.numbers() {
			*x = d.float64()
		}
	}
	n := d.uint32()
	if d.failed || (n == 0) != (st.last.Step == 0) {
		return nil, errors.New("inconsistent")
	}
	for i := uint32(0); i < n && !d.failed; i++ {
		st.names = append(st.names, string(d.bytes(uint64(d.uint32()))))
		p := s.newParameter(map[uint8]tensor.Dtype{codeFloat32: tensor.Float32, codeFloat64: tensor.Float64}[d.uint8()])
		if p == nil || !p.decodeState(d, s.kind == kindAdam, s.ownGrad()) {
			return nil, errors.Errorf("parameter #%d makes no sense", i)
		}
		if s.keepsDirection() {
			p.makeMirror(st.names[i], s.inner.wide)
			v := p.direction()
			if _, err := binary.Decode(d.bytes(uint64(binary.Size(v))), binary.LittleEndian, v); err != nil {
				return nil, errors.Errorf("parameter #%d makes no sense", i)
			}
		}
		st.model = append(st.model, p)
	}
	if s.inner != nil {
		st.inner = d.bytes(d.uint64())
	}
	if d.failed || len(d.data) > 0 {
		return nil, errors.New("of the wrong length")
	}
	return st, nil
}

// decodeHyperParameters returns an error unless they are those of this solver. What came later than the state must
// have its default.
func (s *Solver) decodeHyperParameters(d *decoder, version uint16) error {
	n := hyperParametersOfVersion1
	if version > 1 {
		n = int(d.uint8())
	}
	defaults := newOptions(nil)
	mine, saved := s.opts.hyperParameters(), defaults.hyperParameters()
	if n > len(mine) {
		return errors.Errorf("%d hyper-parameters, want at most %d", n, len(mine))
	}
	for i, x := range mine {
		if i < n {
			*saved[i].value = d.float64()
		}
		if v := *saved[i].value; v != *x.value {
			return errors.Errorf("made with %s(%v), this solver has %v", x.option, v, *x.value)
		}
	}
	return nil
}

func appendFloat(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

// appendState appends dtype, shape and averages.
func (p *typed[T]) appendState(b []byte) []byte {
	code := byte(codeFloat64)
	if _, ok := any(p.arith.eta).(float32); ok {
		code = codeFloat32
	}
	b = append(b, code, byte(len(p.dims)))
	for _, n := range p.dims {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	for _, x := range [][]T{p.averages.Mean, p.averages.Square, p.averages.Grad} {
		b, _ = binary.Append(b, binary.LittleEndian, x) // cannot fail for slices of floats
	}
	return b
}

// decodeState reads what appendState has written after the dtype, and reports whether it makes sense.
func (p *typed[T]) decodeState(d *decoder, square, grad bool) bool {
	shape := make([]int, d.uint8())
	elements, words := uint64(1), uint64(binary.Size(p.arith.eta))
	for i := range shape {
		n := d.uint64()
		// No more than the data can hold, so that nothing overflows and nothing large is allocated in vain.
		if n == 0 || n > uint64(len(d.data)) || elements*n > uint64(len(d.data)) {
			return false
		}
		shape[i] = int(n)
		elements *= n
	}
	averages := uint64(1)
	if square {
		averages++
	}
	if grad {
		averages++
	}
	if d.failed || elements*averages*words > uint64(len(d.data)) {
		return false
	}
	p.reshape(shape)
	p.allocate(square, grad)
	for _, x := range [][]T{p.averages.Mean, p.averages.Square, p.averages.Grad} {
		if _, err := binary.Decode(d.bytes(uint64(len(x))*words), binary.LittleEndian, x); err != nil {
			return false
		}
	}
	return true
}

// decoder reads numbers from the front of data. When there are too few bytes it yields zeros and has failed.
type decoder struct {
	data   []byte
	failed bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.failed, d.data = true, nil
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

// number returns an unsigned number of so many bytes.
func (d *decoder) number(bytes uint64) (x uint64) {
	for i, b := range d.bytes(bytes) {
		x |= uint64(b) << (8 * i)
	}
	return x
}

func (d *decoder) uint8() uint8     { return uint8(d.number(1)) }
func (d *decoder) uint16() uint16   { return uint16(d.number(2)) }
func (d *decoder) uint32() uint32   { return uint32(d.number(4)) }
func (d *decoder) uint64() uint64   { return d.number(8) }
func (d *decoder) float64() float64 { return math.Float64frombits(d.number(8)) }

// count returns a number of steps.
func (d *decoder) count() int {
	n := d.uint64()
	if n > math.MaxInt64/2 {
		d.failed = true
	}
	return int(n)
}
