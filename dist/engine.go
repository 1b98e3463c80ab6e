package dist

// Engine transfers bytes between the ranks of a job, usually with a message-passing library.
//
// AllGather, AllToAll, Broadcast and Finalize are collective: package dist calls the same method
// with the same sizes on all ranks. It makes one call at a time, from any thread. Only Abort can be
// called during another call.
type Engine interface {
	// Rank returns the number of this process, from 0 to Size()-1.
	Rank() int
	// Size returns the number of ranks.
	Size() int

	// AllGather stores the bytes in of all ranks in out, in the order of ranks.
	AllGather(in, out []byte) error
	// AllToAll divides in and out into Size equal parts. It sends part r of in to rank r, and
	// stores the bytes that rank r sends in part r of out.
	AllToAll(in, out []byte) error
	// Broadcast copies b of rank 0 to b of the other ranks.
	Broadcast(b []byte) error
	// Finalize releases the engine. It is the last call.
	Finalize() error

	// Memory returns zeroed memory, aligned to 8 bytes and valid until Finalize. The byte slices
	// that the other methods get are in such memory.
	Memory(bytes int) ([]byte, error)
	// Abort ends the job on all ranks with a nonzero status, without waiting for other ranks.
	Abort()
}

// SingleProcess returns a World of one rank. Use it in a program that runs with one rank or
// several.
func SingleProcess() *World {
	w, _ := New(Local(1)[0]) // Local's Memory returns no error
	return w
}
