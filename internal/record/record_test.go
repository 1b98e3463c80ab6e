package record

import (
	"bytes"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/errors"
)

// fields are one of each kind.
type fields struct {
	count  int
	flag   bool
	x, any float64
	bytes  []byte
	name   string
	shape  []int
	f32    []float32
	f64    []float64
}

func (f *fields) list(c *Codec) {
	c.Count(&f.count)
	c.Flag(&f.flag)
	c.Float("x", &f.x, 0, 10)
	c.Any(&f.any)
	f.bytes = c.Bytes(f.bytes)
	f.name = c.String(f.name)
	f.shape = c.Shape(f.shape)
	Vector(c, "f32", f.f32, -1, 1)
	Vector(c, "f64", f.f64, 0, 1)
}

// TestRoundTrip: one list of fields writes and reads, and every number of bytes less is an error.
func TestRoundTrip(t *testing.T) {
	want := fields{
		7,
		true,
		2.5,
		math.Inf(-1),
		[]byte{1, 2},
		"größe",
		[]int{2, 1, 3},
		[]float32{-1, 0.5},
		[]float64{0, 1, 0.25},
	}
	w := new(Codec)
	want.list(w)
	data := w.data

	got := fields{f32: make([]float32, 2), f64: make([]float64, 3)}
	r := &Codec{data: data, reading: true}
	got.list(r)
	r.End()
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	if got.count != want.count || got.flag != want.flag || got.x != want.x || got.any != want.any ||
		got.name != want.name ||
		!slices.Equal(got.bytes, want.bytes) || !slices.Equal(got.shape, want.shape) ||
		!slices.Equal(got.f32, want.f32) ||
		!slices.Equal(got.f64, want.f64) {
		t.Errorf("read %+v, wrote %+v", got, want)
	}
	for n := range data {
		short := fields{f32: make([]float32, 2), f64: make([]float64, 3)}
		r := &Codec{data: data[:n], reading: true}
		short.list(r)
		if r.Err() == nil {
			t.Errorf("%d of %d bytes: no error", n, len(data))
		}
	}
	long := &Codec{data: append(data, 0), reading: true}
	got.list(long)
	if long.End(); long.Err() == nil || !strings.Contains(long.Err().Error(), "1 bytes too many") {
		t.Errorf("a byte too many: error %v", long.Err())
	}
}

// TestRefused: what does not make sense is an error that names it.
func TestRefused(t *testing.T) {
	written := func(write func(c *Codec)) []byte {
		c := new(Codec)
		write(c)
		return c.data
	}
	float := func(x float64) []byte { return written(func(c *Codec) { c.Any(&x) }) }
	shape := func(more int, sizes ...uint64) []byte {
		return append(written(func(c *Codec) {
			c.Uint(4, uint64(len(sizes)))
			for _, n := range sizes {
				c.Uint(8, n)
			}
		}), make([]byte, more)...)
	}
	x, xs := 0.0, []float64{0, 0}
	for name, c := range map[string]struct {
		data []byte
		read func(c *Codec)
		want string
	}{
		"count": {written(func(c *Codec) { c.Uint(8, 1<<62+1) }), func(c *Codec) {
			c.Count(new(int))
		}, "count"},
		"flag": {[]byte{2}, func(c *Codec) { c.Flag(new(bool)) }, "want 0 or 1"},
		"NaN": {float(math.NaN()), func(c *Codec) {
			c.Float("x", &x, math.Inf(-1), math.Inf(1))
		}, "x is NaN"},
		"below": {float(-1), func(c *Codec) {
			c.Float("x", &x, 0, 1)
		}, "x is -1, want a number from 0 to 1"},
		"above": {float(2), func(c *Codec) { c.Float("x", &x, 0, 1) }, "x is 2"},
		"element": {append(float(0), float(3)...), func(c *Codec) {
			Vector(c, "xs", xs, 0, 1)
		}, "xs is 3 at element 1"},
		"bytes": {written(func(c *Codec) { c.Uint(8, math.MaxUint64) }), func(c *Codec) {
			c.Bytes(nil)
		}, "truncated"},
		"dimensions": {written(func(c *Codec) { c.Uint(4, math.MaxUint32) }), func(c *Codec) {
			c.Shape(nil)
		}, "dimensions"},
		"empty":          {shape(100, 3, 0), func(c *Codec) { c.Shape(nil) }, "shape"},
		"size":           {shape(100, 101), func(c *Codec) { c.Shape(nil) }, "shape"},
		"product":        {shape(100, 11, 10), func(c *Codec) { c.Shape(nil) }, "shape"},
		"product of all": {shape(100, 2, 2, 5, 6), func(c *Codec) { c.Shape(nil) }, "shape"},
		"overflow":       {shape(100, 1<<32, 1<<32), func(c *Codec) { c.Shape(nil) }, "shape"},
	} {
		r := &Codec{data: c.data, reading: true}
		c.read(r)
		if r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, r.Err(), c.want)
		}
		if first := r.Err(); first != nil {
			if r.Fail("again"); r.Err() != first || r.Uint(8, 5) != 0 {
				t.Errorf("%s: the first error does not end the reading", name)
			}
		}
	}
	r := &Codec{data: shape(100, 10, 10), reading: true}
	if got := r.Shape(nil); r.Err() != nil || !slices.Equal(got, []int{10, 10}) {
		t.Errorf("shape %v, error %v", got, r.Err())
	}
}

// TestFormat: a record is read by its own format alone, and not if a byte of it has changed.
func TestFormat(t *testing.T) {
	f := Format{Magic: "test", Version: 3}
	n := 7
	count := func(c *Codec) error { c.Count(&n); return c.Err() }
	data, err := f.Write(count)
	if err != nil {
		t.Fatal(err)
	}
	if n = 0; f.Read(data, count) != nil || n != 7 {
		t.Errorf("read %d", n)
	}
	for name, c := range map[string]struct {
		f      Format
		data   []byte
		fields func(c *Codec) error
		want   string
	}{
		"magic":         {Format{"other", 3}, data, count, "begin with"},
		"version":       {Format{"test", 4}, data, count, "version 3, want 4: load"},
		"short":         {f, data[:6], count, "begin with"},
		"cut":           {f, data[:len(data)-1], count, "checksum"},
		"left over":     {f, data, func(*Codec) error { return nil }, "8 bytes too many"},
		"fields' error": {f, data, func(*Codec) error { return errors.New("as told") }, "as told"},
	} {
		if err := c.f.Read(c.data, c.fields); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	for i := range data {
		changed := slices.Clone(data)
		changed[i] ^= 1
		if f.Read(changed, count) == nil {
			t.Errorf("byte %d changed: no error", i)
		}
	}
	check := func(f Format, data []byte) error {
		return f.Check(bytes.NewReader(data), int64(len(data)))
	}
	if err := check(f, data); err != nil {
		t.Errorf("Check: %v", err)
	}
	for n := range data {
		want := "checksum"
		if n < len("test")+4 {
			want = "begin with"
		}
		if err := check(f, data[:n]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check of %d bytes: error %v, want one that says %q", n, err, want)
		}
	}
	if err := check(Format{"other", 3}, data); err == nil {
		t.Error("Check accepts another format")
	}
	for more := range int64(6) {
		err := f.Check(bytes.NewReader(data), int64(len(data))+more+1)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Check of a file that has become shorter: error %v", err)
		}
	}
	if _, err := f.Write(func(*Codec) error { return errors.New("as told") }); err == nil {
		t.Error("an error of the fields is lost")
	}
}
