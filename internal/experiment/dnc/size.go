package dnc

// Size has the dimensions of a net.
type Size struct {
	Steps, Batch, Inputs, Outputs int

	Hidden       int // of the controller
	Slots, Width int // of the memory
	Heads        int // read heads
}

// words returns the total length of the words that the heads read.
func (s Size) words() int { return s.Heads * s.Width }
