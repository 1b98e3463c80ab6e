package dnc

// Size are the dimensions of a net.
type Size struct {
	Steps, Batch, Inputs, Outputs int

	Hidden       int // of the controller
	Slots, Width int // of the memory
	Heads        int // that read
}

// words is the length of what all heads read.
func (s Size) words() int { return s.Heads * s.Width }
