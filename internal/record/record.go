// Package record writes and reads the fields of a saved state. A part of a solver lists its fields
// once, for both. All numbers are little-endian.
package record

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"

	"github.com/pkg/errors"
)

// Codec appends the fields that it is shown to its data or, when it reads, sets them from the front
// of its data. Its first error ends the reading: fields after that are zero.
type Codec struct {
	data    []byte
	reading bool
	err     error
}

// Format tells one kind of record from others.
type Format struct {
	Magic   string
	Version uint16
}

var table = crc32.MakeTable(crc32.Castagnoli)

// Write returns fields as a record: magic, version, what fields shows to the Codec, and the CRC-32C
// of all that.
func (f Format) Write(fields func(c *Codec) error) ([]byte, error) {
	c := &Codec{data: []byte(f.Magic)}
	c.Uint(2, uint64(f.Version))
	if err := fields(c); err != nil {
		return nil, err
	}
	return binary.LittleEndian.AppendUint32(c.data, crc32.Checksum(c.data, table)), nil
}

// Read sets fields from a record. It returns an error unless the record is whole and fields has
// read all of it.
func (f Format) Read(data []byte, fields func(c *Codec) error) error {
	body := len(data) - crc32.Size
	if body < len(f.Magic) || string(data[:len(f.Magic)]) != f.Magic {
		return f.foreign()
	}
	if sum := binary.LittleEndian.Uint32(data[body:]); sum != crc32.Checksum(data[:body], table) {
		return errCorrupt
	}
	c := &Codec{data: data[len(f.Magic):body], reading: true}
	if version := c.Uint(2, 0); version != uint64(f.Version) {
		return errors.Errorf("the format has version %d, want %d: load the data with the "+
			"release that saved it, or start anew", version, f.Version)
	}
	if err := fields(c); err != nil {
		return err
	}
	c.End()
	return c.err
}

// Check returns an error unless a record of size bytes has the magic of the format and is undamaged.
// It needs no memory for the record, so that a large file of another kind does no harm.
func (f Format) Check(r io.Reader, size int64) error {
	hash := crc32.New(table)
	r = io.TeeReader(r, hash)
	magic := make([]byte, len(f.Magic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != f.Magic {
		return f.foreign()
	}
	body := size - int64(len(magic)) - crc32.Size
	if body < 0 {
		return f.foreign()
	}
	if _, err := io.CopyN(io.Discard, r, body); err != nil {
		return err
	}
	sum, want := make([]byte, crc32.Size), hash.Sum32()
	if _, err := io.ReadFull(r, sum); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(sum) != want {
		return errCorrupt
	}
	return nil
}

var errCorrupt = errors.New("the data is corrupt: its checksum does not match")

func (f Format) foreign() error { return errors.Errorf("the data does not begin with %q", f.Magic) }

// Reading reports whether the Codec reads.
func (c *Codec) Reading() bool { return c.reading }

// Left returns the number of bytes that are left to read.
func (c *Codec) Left() int { return len(c.data) }

// Err returns the first error.
func (c *Codec) Err() error { return c.err }

// Fail ends the reading with an error, unless it has ended.
func (c *Codec) Fail(format string, args ...any) {
	if c.err == nil {
		c.err = errors.Errorf(format, args...)
	}
	c.data = nil
}

// End fails if there is anything left to read.
func (c *Codec) End() {
	if c.reading && len(c.data) > 0 {
		c.Fail("%d bytes too many", len(c.data))
	}
}

// next takes n bytes from the front.
func (c *Codec) next(n uint64) []byte {
	if n > uint64(len(c.data)) {
		c.Fail("the data is truncated: %d bytes are left, want %d", len(c.data), n)
		return nil
	}
	b := c.data[:n]
	c.data = c.data[n:]
	return b
}

// Uint writes x in the given number of bytes and returns it, or returns the number that it reads.
func (c *Codec) Uint(bytes int, x uint64) uint64 {
	if c.reading {
		x = 0
		for i, b := range c.next(uint64(bytes)) {
			x |= uint64(b) << (8 * i)
		}
		return x
	}
	for i := range bytes {
		c.data = append(c.data, byte(x>>(8*i)))
	}
	return x
}

// Count is a number of steps. No run has more than 2⁶², and on a 32-bit machine none has more than
// an int can hold.
func (c *Codec) Count(n *int) {
	x := c.Uint(8, uint64(*n))
	if x > min(1<<62, math.MaxInt) {
		c.Fail("a count is %d, out of range", x)
		x = 0
	}
	*n = int(x)
}

// Flag is a bool.
func (c *Codec) Flag(on *bool) {
	x := uint64(0)
	if *on {
		x = 1
	}
	if x = c.Uint(1, x); x > 1 {
		c.Fail("a flag is %d, want 0 or 1", x)
	}
	*on = x == 1
}

// Float is a number from lo to hi, which is never NaN.
func (c *Codec) Float(what string, x *float64, lo, hi float64) {
	y := math.Float64frombits(c.Uint(8, math.Float64bits(*x)))
	if c.reading {
		if c.err == nil && !(lo <= y && y <= hi) {
			c.Fail("%s is %v, want a number from %v to %v", what, y, lo, hi)
		}
		*x = y
	}
}

// Any is a number of any value, NaN too. What is computed from it must bear that.
func (c *Codec) Any(x *float64) {
	*x = math.Float64frombits(c.Uint(8, math.Float64bits(*x)))
}

// Bytes writes the length of b and b, and returns b, or returns the bytes that it reads.
func (c *Codec) Bytes(b []byte) []byte {
	n := c.Uint(8, uint64(len(b)))
	if c.reading {
		return c.next(n)
	}
	c.data = append(c.data, b...)
	return b
}

// String is Bytes for a string.
func (c *Codec) String(s string) string { return string(c.Bytes([]byte(s))) }

// Shape are the sizes of a tensor of no more elements than there can be data for. It returns shape,
// or the shape that it reads.
func (c *Codec) Shape(shape []int) []int {
	n := c.Uint(4, uint64(len(shape)))
	if c.reading {
		if n > uint64(len(c.data))/8 {
			c.Fail("a shape has %d dimensions, more than there is data for", n)
			return nil
		}
		shape = make([]int, n)
	}
	elements := uint64(1)
	for i := range shape {
		x := c.Uint(8, uint64(shape[i]))
		// No product overflows: neither factor is above the length of the data.
		if left := uint64(len(c.data)); c.reading && (x == 0 || x > left || elements*x > left) {
			c.Fail("a shape has %d elements of %d, more than there is data for", x, elements)
			return nil
		}
		shape[i] = int(x)
		elements *= x
	}
	return shape
}

// Vector are numbers of either precision from lo to hi, as many as xs has, never NaN.
func Vector[T float32 | float64](c *Codec, what string, xs []T, lo, hi T) {
	AnyVector(c, xs)
	if !c.reading || c.err != nil {
		return
	}
	for i, x := range xs {
		if !(lo <= x && x <= hi) {
			c.Fail("%s is %v at element %d, want a number from %v to %v", what, x, i, lo, hi)
			return
		}
	}
}

// AnyVector are numbers as those of Vector, but of any value as in Any.
func AnyVector[T float32 | float64](c *Codec, xs []T) {
	// Neither binary.Append nor binary.Decode can fail for slices of floats.
	if !c.reading {
		c.data, _ = binary.Append(c.data, binary.LittleEndian, xs)
	} else if b := c.next(uint64(binary.Size(xs))); c.err == nil {
		_, _ = binary.Decode(b, binary.LittleEndian, xs)
	}
}
