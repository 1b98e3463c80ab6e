//go:build !mpi

package mpi_test

import (
	"strings"
	"testing"

	"github.com/l4-go/l4/mpi"
)

// TestInitSingleProcess checks that Init of a program without the tag mpi returns a World of one
// rank, and an error if a launcher started the program as one of several ranks.
func TestInitSingleProcess(t *testing.T) {
	for _, name := range []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"} {
		t.Setenv(name, "1")
		w, err := mpi.Init()
		if err != nil || w.Rank() != 0 || w.Size() != 1 {
			t.Fatalf("%s=1: Init returned %v, %v, want a World of one rank", name, w, err)
		}
		if err := w.Finalize(); err != nil {
			t.Error(err)
		}
		t.Setenv(name, "2")
		if _, err := mpi.Init(); err == nil || !strings.Contains(err.Error(), "-tags mpi") {
			t.Errorf("%s=2: error %v, want one that says how to build with MPI", name, err)
		}
		t.Setenv(name, "")
	}
}
