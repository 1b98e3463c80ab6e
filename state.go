package l4

import (
	"encoding"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/record"
)

var (
	_ encoding.BinaryMarshaler   = (*Solver)(nil)
	_ encoding.BinaryUnmarshaler = (*Solver)(nil)
)

var stateFormat = record.Format{Magic: "L4solver", Version: 2}

// MarshalBinary returns the state of the solver. If a new solver of the same type and with the same
// options loads this state, it continues the training exactly, bit for bit. The state does not
// contain the weights: save both after the same step.
//
// The state of an L4 contains the state of its inner solver, which must implement
// encoding.BinaryMarshaler. Gorgonia's solvers do not.
//
// Format version 2. Numbers are little-endian; counts, lengths and sizes are uint64.
//
//	8 bytes "L4solver"
//	uint16  version
//	string  type of the solver: its length, and "L4Adam", "L4Mom" or "L4"
//	float64 each hyperparameter
//	        the numbers that the solver keeps from step to step: the last Info, the number of
//	        steps skipped in a row, the floor, Lmin, WithClip's average, and the numbers of the
//	        bound (r, P and others; see docs/bound.md)
//	uint32  number of parameters, and for each:
//	        string  name
//	        uint8   dtype: 1 float32, 2 float64
//	        uint32  number of dimensions, and the size of each
//	        numbers of that dtype, one per element in row-major order: the running averages
//	        and, once a step with the bound has had a nonzero length, the weights at the start
//	bytes   the state of the inner solver: its length, and the state (L4 only)
//	uint32  CRC-32C of all bytes before it
func (s *Solver) MarshalBinary() ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	data, err := stateFormat.Write(s.fields)
	return data, errors.WithMessage(err, "l4: saving the state")
}

// UnmarshalBinary restores a state that MarshalBinary returned. The next Step must be given a model
// with the same parameters: the same names, dtypes and shapes in the same order.
//
// It returns an error and leaves the solver as it was if the data is truncated or corrupt, if a
// number in it is out of range, if its format has another version, or if the state was saved by
// another type of solver or with other options. If a state cannot be loaded, a new solver can
// continue from the trained weights.
func (s *Solver) UnmarshalBinary(data []byte) error {
	if err := s.usable(); err != nil {
		return err
	}
	loaded := newSolver(s.name, nil, s.opts, s.newDirection)
	loaded.loss, loaded.logged = s.loss, s.logged
	if err := stateFormat.Read(data, loaded.fields); err != nil {
		return errors.WithMessage(err, "l4: loading the state")
	}
	*s = loaded
	return nil
}

// fields writes or reads the fields of a saved state.
func (s *Solver) fields(c *record.Codec) error {
	if name := c.String(s.name); c.Err() == nil && name != s.name {
		c.Fail("the state was saved by an %s, but this solver is an %s", name, s.name)
	}
	s.opts.fields(c)
	s.last.fields(c)
	c.Count(&s.skipped)
	s.floor.fields(c)
	s.rule.fields(c)
	for _, t := range s.transforms {
		t.fields(c)
	}
	if s.bound != nil {
		s.bound.fields(c)
		s.move.fields(c)
	}
	s.model.Fields(c, func(i int) {
		s.direction.tensorFields(c, &s.model.Model, i)
		if s.bound.started() {
			s.move.tensorFields(c, &s.model.Model, i)
		}
	})
	if c.Reading() && (s.model.Len() == 0) != (s.last.Step == 0) {
		c.Fail("the state has %d steps and %d parameters", s.last.Step, s.model.Len())
	}
	if c.Reading() && s.bound.started() && s.model.Len() == 0 {
		c.Fail("the state has a start of the bound, but no weights")
	}
	return s.direction.fields(c)
}
