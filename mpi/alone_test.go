//go:build !mpi

package mpi_test

import (
	"strings"
	"testing"

	"github.com/l4-go/l4/mpi"
)

// TestInitAlone: a program without the tag is a world of one rank, unless a launcher has started it
// as one of several.
func TestInitAlone(t *testing.T) {
	for _, name := range []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"} {
		t.Setenv(name, "1")
		w, err := mpi.Init()
		if err != nil || w.Rank() != 0 || w.Size() != 1 {
			t.Fatalf("%s=1: %v, %v", name, w, err)
		}
		if err := w.Finalize(); err != nil {
			t.Error(err)
		}
		t.Setenv(name, "2")
		if _, err := mpi.Init(); err == nil || !strings.Contains(err.Error(), "-tags mpi") {
			t.Errorf("%s=2: error %v", name, err)
		}
		t.Setenv(name, "")
	}
}
