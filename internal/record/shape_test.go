package record

import "testing"

// TestShapeOverflow: a shape is rejected if the product of its sizes overflows.
func TestShapeOverflow(t *testing.T) {
	w := new(Codec)
	w.Uint(4, 2)
	w.Uint(8, 2)
	w.Uint(8, 1<<63)
	r := &Codec{data: append(w.data, make([]byte, 100)...), reading: true}
	if shape := r.Shape(nil); r.Err() == nil {
		t.Errorf("shape %v: no error", shape)
	}
}
