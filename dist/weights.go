package dist

import (
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"sync/atomic"

	"gorgonia.org/gorgonia"

	"github.com/l4-go/l4/internal/bind"
	"github.com/l4-go/l4/internal/flat"
)

// weights are those of a model, of any layout, seen as bytes in row-major order.
type weights struct {
	model  bind.Model
	starts []int // of each tensor among the bytes
	size   int

	sum atomic.Uint64
	add flat.Pass // checksums of parts to sum
}

// bind takes up where the weights lie.
func (w *weights) bind(model []gorgonia.ValueGrad) error {
	w.model.WeightsOnly = true
	if err := w.model.Bind(model); err != nil {
		return err
	}
	w.model.Keep()
	if w.starts != nil {
		return nil
	}
	for i := range w.model.Len() {
		w.starts = append(w.starts, w.size)
		bytes, t := 8, w.model.Tensor(i)
		if t.Dtype == flat.Float32 {
			bytes = 4
		}
		w.size += bytes * t.Size()
	}
	w.add = w.each(w.addChecksum)
	return nil
}

// each returns the pass that calls f with parts of the bytes and where they begin.
func (w *weights) each(f func(at int, part []byte)) flat.Pass {
	return flat.Pass{
		F32: func(p *flat.Part[float32]) (_, _ float64) {
			f(w.starts[p.Tensor]+4*p.Lo, bytesOf(p.W))
			return 0, 0
		},
		F64: func(p *flat.Part[float64]) (_, _ float64) {
			f(w.starts[p.Tensor]+8*p.Lo, bytesOf(p.W))
			return 0, 0
		},
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns the sum of the checksums of all parts.
func (w *weights) checksum() uint64 {
	w.sum.Store(0)
	w.model.Sum(w.add)
	return w.sum.Load()
}

// addChecksum adds in a way that does not depend on the order of the parts. The factor is odd, so
// that another part always makes another sum.
func (w *weights) addChecksum(at int, part []byte) {
	w.sum.Add(uint64(crc32.Checksum(part, castagnoli)) * (2*uint64(at) + 1))
}

// fingerprint tells a model from others by names, dtypes and shapes.
func (w *weights) fingerprint() uint64 {
	h := fnv.New64a()
	for i := range w.model.Len() {
		t := w.model.Tensor(i)
		fmt.Fprintf(h, "%q %v %v\n", t.Name, t.Dtype, t.Shape)
	}
	return h.Sum64()
}
