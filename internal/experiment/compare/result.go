package compare

// Run identifies a run: a solver on a task, with a seed.
type Run struct {
	Task   string
	Solver Choice
	Seed   uint64
}

// Result is the outcome of a run.
type Result struct {
	Run      Run
	Epochs   []Epoch
	Ended    string // why the run ended early; "" for a complete run
	Diverged bool   // whether the run ended early because it diverged
	Shown    string // the text that the training shows after a complete run; see Show
}

// Seeds returns the n seeds first, first + 1 and so on.
func Seeds(first uint64, n int) (seeds []uint64) {
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}
