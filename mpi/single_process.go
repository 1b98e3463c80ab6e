//go:build !mpi

package mpi

import (
	"os"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/dist"
)

// sizeVariables are the environment variables in which launchers store the number of ranks: Open
// MPI; MPICH and libraries derived from it; MVAPICH2.
var sizeVariables = []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}

// Init joins the job that mpirun started and returns its World. Without mpirun the World has one
// rank. Call Init once, at the beginning of the program, and call Finalize on the World at the end.
// Init returns an error if it has been called before, or if MPI does not provide the thread level
// MPI_THREAD_SERIALIZED.
//
// In a program built without the tag mpi, Init returns a World of one rank. It returns an error if
// mpirun started several ranks, because each rank would train alone.
func Init() (*dist.World, error) {
	for _, name := range sizeVariables {
		if n := os.Getenv(name); n != "" && n != "1" {
			return nil, errors.Errorf("mpi: the program was started as one of %s ranks, but it "+
				"was built without MPI: build it with CC=mpicc go build -tags mpi", n)
		}
	}
	return dist.SingleProcess(), nil
}
