package dist

// Engine is what dist needs of a message-passing library. All methods but Rank, Size, Memory and
// Abort are collective: all ranks call the same one with the same sizes, which dist sees to. The
// calls come one at a time, from any thread, but for Abort, which may come during another.
type Engine interface {
	Rank() int // of this process, from 0
	Size() int // number of ranks

	// AllGather puts the bytes of each rank's in into out, by rank.
	AllGather(in, out []byte) error
	// AllToAll sends the r-th of Size equal parts of in to rank r, and puts what rank r has sent
	// into the r-th part of out.
	AllToAll(in, out []byte) error
	// Broadcast sends b of rank 0 to the others.
	Broadcast(b []byte) error
	// Finalize ends the use of the library.
	Finalize() error

	// Memory returns zeroed memory, aligned to 8 bytes, that the methods above are called with. It
	// lives until Finalize.
	Memory(bytes int) ([]byte, error)
	// Abort ends the whole job, without waiting for other ranks.
	Abort()
}

// SingleProcess returns a World of one rank. Use it in a program that runs with one rank or
// several.
func SingleProcess() *World {
	w, _ := New(Local(1)[0]) // Local's Memory returns no error
	return w
}
