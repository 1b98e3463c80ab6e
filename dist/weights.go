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

// weights gives access to the weights of a model as bytes in row-major order, whatever the layout
// of the tensors.
type weights struct {
	model  bind.Model
	starts []int // offset in bytes of each tensor
	size   int   // bytes of all tensors

	sum atomic.Uint64
	add flat.Pass // adds the checksum of each part to sum
}

// bind finds the weights of model in memory.
func (w *weights) bind(model []gorgonia.ValueGrad) error {
	w.model.WeightsOnly = true
	if err := w.model.Bind(model); err != nil {
		return err
	}
	w.model.Remember()
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

// each returns a pass that calls f with each part of the bytes and its offset.
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

// addChecksum adds the checksum of a part, times a factor that depends on its offset, so that the
// sum differs if two parts are exchanged. The order in which parts are added does not matter. The
// factor is odd, so that every change of one checksum changes the sum modulo 2⁶⁴.
func (w *weights) addChecksum(at int, part []byte) {
	w.sum.Add(uint64(crc32.Checksum(part, castagnoli)) * (2*uint64(at) + 1))
}

// fingerprint returns a hash of the names, dtypes and shapes of all weights, in their order.
func (w *weights) fingerprint() uint64 {
	h := fnv.New64a()
	for i := range w.model.Len() {
		t := w.model.Tensor(i)
		fmt.Fprintf(h, "%q %v %v\n", t.Name, t.Dtype, t.Shape)
	}
	return h.Sum64()
}
