package train

import (
	"encoding"
	"encoding/binary"
	"math"
	"time"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// State is a run in progress. The rest of the run follows from it to the bit.
type State struct {
	Records []Record
	Step    int    // number of steps done
	Current Record // the epoch in progress: Loss is a sum, LearnRate a sum of logarithms
	Rates   int    // number of those logarithms
	Values  [][]byte
	Solver  []byte
}

// add takes a step into the record in progress.
func (st *State) add(loss, rate float64, total, inSolver time.Duration) {
	st.Step++
	st.Current.Loss += loss
	st.Current.LastLoss = loss
	if rate > 0 {
		st.Current.LearnRate += math.Log(rate)
		st.Rates++
	}
	st.Current.Time += total
	st.Current.StepTime += inSolver
}

// endEpoch moves the record in progress to the records, and returns it.
func (st *State) endEpoch(steps int, accuracy float64) Record {
	record := st.Current
	record.Epoch = len(st.Records) + 1
	record.Loss /= float64(steps)
	if st.Rates > 0 {
		record.LearnRate = math.Exp(record.LearnRate / float64(st.Rates))
	}
	record.Accuracy = accuracy
	st.Records, st.Current, st.Rates = append(st.Records, record), Record{}, 0
	return record
}

// save hands the state to opts.Save, if the solver can be saved.
func (r *run) save() (err error) {
	marshaler, ok := r.solver.Solver.(encoding.BinaryMarshaler)
	if r.opts.Save == nil || !ok {
		return nil
	}
	st := r.state
	if st.Solver, err = marshaler.MarshalBinary(); err != nil {
		return err
	}
	for i, v := range r.task.State() {
		b, err := binary.Append(nil, binary.LittleEndian, memory(v))
		if err != nil {
			return errors.WithMessagef(err, "train: save value %d of the task", i)
		}
		st.Values = append(st.Values, b)
	}
	return r.opts.Save(st)
}

// restore sets the values of the task and the solver to a saved state. It checks all sizes before
// it writes a value.
func (r *run) restore(st State) error {
	unmarshaler, ok := r.solver.Solver.(encoding.BinaryUnmarshaler)
	if !ok {
		return errors.Errorf("a %T cannot be restored", r.solver.Solver)
	}
	values := r.task.State()
	if len(st.Values) != len(values) {
		return errors.Errorf("%d values were saved, but the task has %d",
			len(st.Values), len(values))
	}
	for i, v := range values {
		if n := binary.Size(memory(v)); n != len(st.Values[i]) {
			return errors.Errorf("value %d: %d bytes were saved, but the task's has %d", i,
				len(st.Values[i]), n)
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
	r.state = st
	return nil
}

// memory returns what encoding/binary can read and write in place: the slice that a tensor lies in,
// or a pointer to a scalar.
func memory(v gorgonia.Value) any {
	if _, ok := v.(gorgonia.Scalar); ok {
		return v
	}
	return v.Data()
}
