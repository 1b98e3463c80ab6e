// Package record writes and reads the fields of a saved state. Each part of a solver has one list
// of its fields, which serves both writing and reading. All numbers are little-endian.
package record

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"

	"github.com/pkg/errors"
)

// A Codec either appends fields to its data or decodes them from its data. After the first error of
// decoding all further fields are 0.
type Codec struct {
	data    []byte
	reading bool
	err     error
}

// Format identifies a kind of record.
type Format struct {
	Magic   string // the first bytes of the record
	Version uint16
}

var table = crc32.MakeTable(crc32.Castagnoli)

// Write returns a record: magic, version, the fields that the function fields passes to the Codec,
// and the CRC-32C of all bytes before it.
func (f Format) Write(fields func(c *Codec) error) ([]byte, error) {
	c := &Codec{data: []byte(f.Magic)}
	c.Uint(2, uint64(f.Version))
	if err := fields(c); err != nil {
		return nil, err
	}
	return binary.LittleEndian.AppendUint32(c.data, crc32.Checksum(c.data, table)), nil
}

// Read decodes a record: the function fields passes the same fields to the Codec as in Write. Read
// returns an error if the record is truncated, corrupt or of another format, or if fields does not
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
			"release that saved the data, or start a new training", version, f.Version)
	}
	if err := fields(c); err != nil {
		return err
	}
	c.End()
	return c.err
}

// Check reads a record of size bytes. It returns an error if the magic differs from the format's,
// or if the checksum does not match. It does not hold the record in memory, so size can be large.
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

// Reading reports whether the Codec decodes fields.
func (c *Codec) Reading() bool { return c.reading }

// Left returns the number of bytes that are still to be decoded.
func (c *Codec) Left() int { return len(c.data) }

// Err returns the first error.
func (c *Codec) Err() error { return c.err }

// Fail records an error and ends decoding. If there has been an error, Fail keeps the first error.
func (c *Codec) Fail(format string, args ...any) {
	if c.err == nil {
		c.err = errors.Errorf(format, args...)
	}
	c.data = nil
}

// End fails if there are bytes left to decode.
func (c *Codec) End() {
	if c.reading && len(c.data) > 0 {
		c.Fail("the data has %d bytes too many", len(c.data))
	}
}

// next removes n bytes from the front of the data and returns them.
func (c *Codec) next(n uint64) []byte {
	if n > uint64(len(c.data)) {
		c.Fail("the data is truncated: %d bytes are left, want %d", len(c.data), n)
		return nil
	}
	b := c.data[:n]
	c.data = c.data[n:]
	return b
}

// Uint encodes x in the given number of bytes, or decodes a number. It returns the number.
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

// Count encodes or decodes a count, from 0 to the smaller of 2⁶² and the largest int.
func (c *Codec) Count(n *int) {
	x := c.Uint(8, uint64(*n))
	if x > min(1<<62, math.MaxInt) {
		c.Fail("a count is %d, out of range", x)
		x = 0
	}
	*n = int(x)
}

// Flag encodes or decodes a bool.
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

// Float encodes or decodes a float64. A decoded number that is NaN or not between lo and hi is an
// error that names what the number is.
func (c *Codec) Float(what string, x *float64, lo, hi float64) {
	y := math.Float64frombits(c.Uint(8, math.Float64bits(*x)))
	if c.reading {
		if c.err == nil && !(lo <= y && y <= hi) {
			c.Fail("%s is %v, want a number from %v to %v", what, y, lo, hi)
		}
		*x = y
	}
}

// Any encodes or decodes a float64 without a range check; callers must handle NaN.
func (c *Codec) Any(x *float64) {
	*x = math.Float64frombits(c.Uint(8, math.Float64bits(*x)))
}

// Bytes encodes the length of b and b, or decodes bytes. It returns the bytes.
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

// Shape encodes or decodes the sizes of a tensor, and returns them. It is an error if a decoded
// shape has more elements than the data has bytes left.
func (c *Codec) Shape(shape []int) []int {
	n := c.Uint(4, uint64(len(shape)))
	if c.reading {
		if n > uint64(len(c.data))/8 {
			c.Fail("a shape has %d dimensions, but only %d bytes are left", n, len(c.data))
			return nil
		}
		shape = make([]int, n)
	}
	elements := uint64(1)
	for i := range shape {
		x := c.Uint(8, uint64(shape[i]))
		if c.reading && x == 0 {
			c.Fail("size %d of a shape is 0, want at least 1", i)
			return nil
		}
		// The product does not overflow, because both factors are at most the length of the data.
		if left := uint64(len(c.data)); c.reading && (x > left || elements*x > left) {
			c.Fail("a shape has at least %d × %d elements, but only %d bytes are left", elements,
				x, left)
			return nil
		}
		shape[i] = int(x)
		elements *= x
	}
	return shape
}

// Vector encodes or decodes the elements of xs. A decoded number that is NaN or not between lo and
// hi is an error that names what the elements are.
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

// AnyVector encodes or decodes the elements of xs without a range check; callers must handle NaN.
func AnyVector[T float32 | float64](c *Codec, xs []T) {
	// binary.Append and binary.Decode do not fail for slices of floats.
	if !c.reading {
		c.data, _ = binary.Append(c.data, binary.LittleEndian, xs)
	} else if b := c.next(uint64(binary.Size(xs))); c.err == nil {
		_, _ = binary.Decode(b, binary.LittleEndian, xs)
	}
}
