package compare

import (
	"encoding"
	"encoding/binary"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// save returns st with the values of the training and the state of the solver.
func save(t Training, s encoding.BinaryMarshaler, st State) (_ State, err error) {
	if st.Solver, err = s.MarshalBinary(); err != nil {
		return st, err
	}
	for i, v := range t.State() {
		b, err := binary.Append(nil, binary.LittleEndian, memory(v))
		if err != nil {
			return st, errors.WithMessagef(err, "compare: save value %d of the task", i)
		}
		st.Values = append(st.Values, b)
	}
	return st, nil
}

// restore sets the training and the solver to the values in st, and removes the values from st. It
// checks all sizes before it writes a value.
func restore(t Training, s Instance, st *State) error {
	unmarshaler, ok := s.Solver.(encoding.BinaryUnmarshaler)
	if !ok {
		return errors.Errorf("a %T cannot be restored: it is not an encoding.BinaryUnmarshaler",
			s.Solver)
	}
	values := t.State()
	if len(st.Values) != len(values) {
		return errors.Errorf("%d values were saved, but the task has %d: resume with the same task",
			len(st.Values), len(values))
	}
	for i, v := range values {
		if n := binary.Size(memory(v)); n != len(st.Values[i]) {
			return errors.Errorf("value %d was saved with %d bytes, but has %d in the task: "+
				"resume with the same task", i, len(st.Values[i]), n)
		}
	}
	if err := unmarshaler.UnmarshalBinary(st.Solver); err != nil {
		return err
	}
	for i, v := range values {
		if _, err := binary.Decode(st.Values[i], binary.LittleEndian, memory(v)); err != nil {
			return errors.WithMessagef(err, "value %d", i)
		}
	}
	st.Values, st.Solver = nil, nil
	return nil
}

// memory returns a value that encoding/binary can read and write in place: the slice of a tensor's
// elements, or a pointer to a scalar.
func memory(v gorgonia.Value) any {
	if _, ok := v.(gorgonia.Scalar); ok {
		return v
	}
	return v.Data()
}
