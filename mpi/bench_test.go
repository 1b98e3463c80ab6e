//go:build mpi

package mpi_test

import (
	"fmt"
	"testing"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/mpi"
)

// BenchmarkExchange measures Add and Model, which a step calls before the solver's Step. Run it on
// several ranks. All ranks must make the same number of steps, so fix it with -test.benchtime:
//
//	CC=mpicc go test -c -tags mpi ./mpi
//	mpirun -np 2 ./mpi.test -test.run '^$' -test.bench Exchange -test.benchtime 500x
func BenchmarkExchange(b *testing.B) {
	w, err := mpi.Init()
	if err != nil {
		b.Fatal(err)
	}
	defer w.Finalize()
	for _, size := range []int{266_610, 4_200_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			q := newQuadratic(size, 1)
			batches := dist.NewBatches(w)
			for step := range b.N + 2 {
				if step == 2 {
					b.ResetTimer()
				}
				if err := batches.Add(lossOf{q}, q.model()); err != nil {
					b.Fatal(err)
				}
				if batches.Model(); batches.Err() != nil {
					b.Fatal(batches.Err())
				}
			}
		})
	}
}
