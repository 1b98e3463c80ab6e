//go:build !mpi

package mpi

import (
	"os"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/dist"
)

// sizes are the variables in which launchers tell the number of ranks: Open MPI, MPICH and those
// that are made from it, and MVAPICH2.
var sizes = []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}

// Init returns a world of one rank. It is an error under mpirun, where each rank would train alone.
func Init() (*dist.World, error) {
	for _, name := range sizes {
		if n := os.Getenv(name); n != "" && n != "1" {
			return nil, errors.Errorf("mpi: started as one of %s ranks, but built without MPI: "+
				"build with CC=mpicc go build -tags mpi", n)
		}
	}
	return dist.Alone(), nil
}
