//go:build mpi

package mpi

/*
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

static MPI_Comm ranks;   // a copy of MPI_COMM_WORLD, for this package only
static int finalizes;    // whether l4_init started MPI, so that l4_finalize must end it

static int l4_init(int *rank, int *size, int *serialized) {
	int running, threads, rc;
	if ((rc = MPI_Initialized(&running))) return rc;
	finalizes = !running;
	rc = running ? MPI_Query_thread(&threads)
		: MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &threads);
	if (rc) return rc;
	*serialized = threads >= MPI_THREAD_SERIALIZED;
	if ((rc = MPI_Comm_dup(MPI_COMM_WORLD, &ranks))) return rc;
	if ((rc = MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN))) return rc;
	if ((rc = MPI_Comm_rank(ranks, rank))) return rc;
	return MPI_Comm_size(ranks, size);
}

static int l4_alloc(size_t n, void **p) {
	int rc = MPI_Alloc_mem((MPI_Aint)n, MPI_INFO_NULL, p);
	if (!rc) memset(*p, 0, n);
	return rc;
}

static int l4_allgather(void *in, void *out, int n) {
	return MPI_Allgather(in, n, MPI_BYTE, out, n, MPI_BYTE, ranks);
}

static int l4_alltoall(void *in, void *out, int n) {
	return MPI_Alltoall(in, n, MPI_BYTE, out, n, MPI_BYTE, ranks);
}

static int l4_bcast(void *b, int n) { return MPI_Bcast(b, n, MPI_BYTE, 0, ranks); }

static int l4_finalize(void) {
	int rc = MPI_Comm_free(&ranks);
	return finalizes ? MPI_Finalize() : rc;
}

static void l4_abort(void) { MPI_Abort(MPI_COMM_WORLD, 1); }

static char *l4_text(int rc) {
	char *text = calloc(MPI_MAX_ERROR_STRING + 1, 1);
	int n;
	if (text) MPI_Error_string(rc, text, &n);
	return text;
}
*/
import "C"

import (
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/dist"
)

var called atomic.Bool // Init has been called

// Init joins the job that mpirun started and returns its World. Without mpirun the World has one
// rank. Call Init once, at the beginning of the program, and call Finalize on the World at the end.
// Init returns an error if it has been called before, or if MPI does not provide the thread level
// MPI_THREAD_SERIALIZED.
//
// In a program built without the tag mpi, Init returns a World of one rank. It returns an error if
// mpirun started several ranks, because each rank would train alone.
func Init() (*dist.World, error) {
	if called.Swap(true) {
		return nil, errors.New("mpi: Init has been called before: call it once, and use its " +
			"World everywhere")
	}
	var rank, size, serialized C.int
	if err := check(C.l4_init(&rank, &size, &serialized), "Init"); err != nil {
		return nil, err
	}
	if serialized == 0 {
		return nil, errors.New("mpi: MPI does not provide the thread level " +
			"MPI_THREAD_SERIALIZED: use a library built with thread support; a program that " +
			"initializes MPI before Init must request this level")
	}
	return dist.New(engine{int(rank), int(size)})
}

// engine passes each call to the MPI library. The library also allocates the memory, because C must
// not keep pointers to Go memory, and because a network may need memory that is registered with it.
type engine struct{ rank, size int }

func (e engine) Rank() int { return e.rank }
func (e engine) Size() int { return e.size }

func (e engine) AllGather(in, out []byte) error {
	return check(C.l4_allgather(start(in), start(out), C.int(len(in))), "Allgather")
}

func (e engine) AllToAll(in, out []byte) error {
	return check(C.l4_alltoall(start(in), start(out), C.int(len(in)/e.size)), "Alltoall")
}

func (e engine) Broadcast(b []byte) error {
	return check(C.l4_bcast(start(b), C.int(len(b))), "Bcast")
}

func (e engine) Memory(bytes int) ([]byte, error) {
	var p unsafe.Pointer
	if err := check(C.l4_alloc(C.size_t(bytes), &p), "Alloc_mem"); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), bytes), nil
}

func (e engine) Finalize() error { return check(C.l4_finalize(), "Finalize") }

func (e engine) Abort() {
	C.l4_abort()
	os.Exit(1) // in case MPI_Abort returns
}

func start(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// check returns an error if rc, a return code of the library, is not 0.
func check(rc C.int, call string) error {
	if rc == 0 {
		return nil
	}
	text := C.l4_text(rc)
	defer C.free(unsafe.Pointer(text))
	return errors.Errorf("mpi: %s: %s", call, C.GoString(text))
}
