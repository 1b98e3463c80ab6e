package compare

// Run names a run: a solver on a task, from one seed.
type Run struct {
	Task   string
	Solver Choice
	Seed   uint64
}

// Result is the outcome of a run.
type Result struct {
	Run      Run
	Epochs   []Epoch
	Ended    string // why the run ended early; "" if it did not
	Diverged bool   // whether it ended early because it diverged
	Shown    string // what the training shows after the complete run; see Show
}

// Seeds returns n seeds, counted on from the first.
func Seeds(first uint64, n int) (seeds []uint64) {
	for i := range n {
		seeds = append(seeds, first+uint64(i))
	}
	return seeds
}
