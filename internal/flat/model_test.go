package flat

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/l4-go/l4/internal/kernel"
	"github.com/l4-go/l4/internal/record"
)

var format = record.Format{Magic: "test", Version: 1}

// mixed returns a model with tensors of both dtypes. One tensor spans several blocks.
func mixed() *Model {
	m := new(Model)
	m.Describe([]Tensor{
		{Name: "a", Shape: []int{2, 3}, Dtype: Float32},
		{Name: "b", Shape: []int{3 * blockLen}, Dtype: Float64},
		{Name: "c", Dtype: Float64},
		{Name: "d", Shape: []int{5}, Dtype: Float32},
	})
	placeRamp[float32](m, 0)
	placeRamp[float64](m, 1)
	placeRamp[float64](m, 2)
	placeRamp[float32](m, 3)
	return m
}

// placeRamp sets the weights of a tensor to 0, 1, 2, ... and its gradients to the negatives.
func placeRamp[T kernel.Float](m *Model, tensor int) {
	n := m.Tensor(tensor).Size()
	w, g := make([]T, n), make([]T, n)
	for i := range w {
		w[i], g[i] = T(i), -T(i)
	}
	Place(m, tensor, w, g)
}

// TestFields: a model that is written and read has the same tensors, and its vectors have the same
// elements.
func TestFields(t *testing.T) {
	m := mixed()
	vectors, any := Vectors{Number: 1}, Vectors{Number: 2}
	if vectors.Made() {
		t.Error("made before Renew")
	}
	vectors.Renew(m)
	any.Renew(m)
	m.Sum(vectors.Set())
	m.Sum(vectors.Add()) // twice the gradients
	any.F64[1][7] = math.NaN()
	data, err := format.Write(func(c *record.Codec) error {
		m.Fields(c, func(i int) {
			vectors.Fields(c, m, i, "x", math.Inf(-1))
			any.AnyFields(c, m, i)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var read Model
	var readVectors, readAny Vectors
	if err := format.Read(data, func(c *record.Codec) error {
		read.Fields(c, func(i int) {
			readVectors.Fields(c, &read, i, "x", math.Inf(-1))
			readAny.AnyFields(c, &read, i)
		})
		return c.Err()
	}); err != nil {
		t.Fatal(err)
	}
	if read.Len() != m.Len() || !readVectors.Made() {
		t.Fatalf("%d tensors, want %d", read.Len(), m.Len())
	}
	for i := range m.Len() {
		got, want := read.Tensor(i), m.Tensor(i)
		if got.Name != want.Name || got.Dtype != want.Dtype ||
			!slices.Equal(got.Shape, want.Shape) {
			t.Errorf("tensor %d is %+v, want %+v", i, got, want)
		}
	}
	if !slices.Equal(readVectors.F32[3], []float32{0, -2, -4, -6, -8}) ||
		!slices.Equal(readVectors.F64[1], vectors.F64[1]) || !math.IsNaN(readAny.F64[1][7]) {
		t.Errorf("vectors %v and %v", readVectors.F32, readAny.F64[1][:9])
	}
}

// TestFieldsRejected: fields that a model cannot have are errors.
func TestFieldsRejected(t *testing.T) {
	tensor := func(name string, dtype Dtype, shape ...int) []Tensor {
		return []Tensor{{Name: name, Dtype: dtype, Shape: shape}}
	}
	for want, tensors := range map[string][]Tensor{
		"dtype is 3, want 1 for float32 or 2 for float64": tensor("x", 3, 1),
		"at least 1 × 1000 elements":                      tensor("x", Float32, 1000, 1000),
		"x is -1 at element 0":                            tensor("x", Float64, 2),
	} {
		data, err := format.Write(func(c *record.Codec) error {
			m := &Model{tensors: tensors}
			m.Fields(c, func(int) { record.AnyVector(c, []float64{-1, 2}) })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var m Model
		var v Vectors
		err = format.Read(data, func(c *record.Codec) error {
			m.Fields(c, func(i int) { v.Fields(c, &m, i, "x", 0) })
			return c.Err()
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestFieldsOfManyTensors: loading allocates at most ten times the size of the saved state.
func TestFieldsOfManyTensors(t *testing.T) {
	m, means, squares, starts := new(Model), new(Vectors), new(Vectors), new(Vectors)
	var tensors []Tensor
	for range 70_000 {
		tensors = append(tensors, Tensor{Name: "w", Shape: []int{1}, Dtype: Float32})
	}
	m.Describe(tensors)
	fields := func(c *record.Codec) error {
		m.Fields(c, func(i int) {
			for _, v := range []*Vectors{means, squares, starts} {
				v.AnyFields(c, m, i)
			}
		})
		return c.Err()
	}
	for _, v := range []*Vectors{means, squares, starts} {
		v.Renew(m)
	}
	data, err := format.Write(fields)
	if err != nil {
		t.Fatal(err)
	}
	*m, *means, *squares, *starts = Model{}, Vectors{}, Vectors{}, Vectors{}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := format.Read(data, fields); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes for a state of %d", got, len(data))
	if got > 10*uint64(len(data)) {
		t.Errorf("%d bytes for a state of %d", got, len(data))
	}
}

// TestFind: Find returns the first element for which a pass is not 0, for both dtypes and all
// blocks. The test also checks Any.
func TestFind(t *testing.T) {
	is := func(tensor int, element float64) Pass {
		return NewPass(0, func(_ int, p *Part[float32]) (x, _ float64) {
			return has(p, tensor, element), 0
		}, func(_ int, p *Part[float64]) (x, _ float64) { return has(p, tensor, element), 0 })
	}
	m := mixed()
	for _, c := range []struct{ tensor, at int }{
		{0, 0}, {0, 5}, {1, 2*blockLen + 3}, {2, 0}, {3, 4},
	} {
		pass := is(c.tensor, float64(c.at))
		tensor, at, value := m.Find(pass)
		if tensor != c.tensor || at != c.at || value != -float64(c.at) || !m.Any(pass) {
			t.Errorf("found %d, %d, %v, want %d, %d", tensor, at, value, c.tensor, c.at)
		}
	}
	if m.Any(is(3, 77)) {
		t.Error("found an element that is not there")
	}
	Place[float32](m, 3, []float32{7, 8, 9, 10, 11}, nil)
	if _, at, value := m.Find(is(3, 9)); at != 2 || value != 9 {
		t.Errorf("without gradients: found %v at %d", value, at)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic where there is nothing to find")
		}
	}()
	m.Find(is(3, 77))
}

// has returns 1 if a part of a tensor contains a weight.
func has[T kernel.Float](p *Part[T], tensor int, weight float64) float64 {
	if p.Tensor == tensor && slices.Contains(p.W, T(weight)) {
		return 1
	}
	return 0
}

// TestUse: the vectors of each dtype follow each other in the memory that Use gets.
func TestUse(t *testing.T) {
	m := mixed()
	n32, n64 := m.Sizes()
	if n32 != 11 || n64 != 3*blockLen+1 {
		t.Fatalf("sizes %d and %d", n32, n64)
	}
	x, y := make([]float32, n32), make([]float64, n64)
	var v Vectors
	v.Use(m, x, y)
	m.Sum(v.Set())
	if x[5] != -5 || x[6] != 0 || x[10] != -4 || y[3*blockLen-1] != -(3*blockLen-1) || !v.Made() {
		t.Errorf("elements %v and %v", x, y[3*blockLen-1])
	}
}
