package dist

import (
	"encoding"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// State saves and loads the state of a solver. The solvers of package l4 implement it.
type State interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Start copies the weights and the solver's state from rank 0 to all ranks. Call it before the
// first step. To resume training, load the checkpoint on rank 0 before Start. If the solver cannot
// save its state, pass nil.
//
// Start is collective. All ranks get an error if the models of the ranks differ, if only some ranks
// pass a solver, or if the solver of a rank has another type or other options than rank 0's.
func (w *World) Start(solver State, model []gorgonia.ValueGrad) error {
	w.enter(callStart)
	defer w.leave()
	var ws weights
	var saved []byte
	h := header{call: callStart}
	err := ws.bind(model)
	if err == nil {
		h.model = ws.fingerprint()
		saved, err = w.stateOf(solver)
	}
	if solver != nil {
		h.flags = state
	}
	h.n = uint64(len(saved))
	hs, err := w.meet(h, err)
	if err != nil {
		return err
	}
	if w.Rank() > 0 {
		saved = make([]byte, hs[0].n)
	}
	if err := w.broadcastWeights(&ws); err != nil {
		return err
	}
	if err := w.broadcast(saved); err != nil {
		return err
	}
	if solver != nil && w.Rank() > 0 {
		err = solver.UnmarshalBinary(saved)
	}
	_, err = w.meet(header{call: callAgree}, err)
	return err
}

// stateOf returns the saved state of the solver on rank 0, and nil on other ranks.
func (w *World) stateOf(solver State) ([]byte, error) {
	if v := reflect.ValueOf(solver); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.Errorf("dist: the solver is a nil %T: create it before Start, or pass "+
			"the literal nil if its state cannot be saved", solver)
	}
	if solver == nil || w.Rank() > 0 {
		return nil, nil
	}
	return solver.MarshalBinary()
}

// broadcastWeights copies the weights of rank 0 to all ranks.
func (w *World) broadcastWeights(ws *weights) error {
	all := make([]byte, ws.size)
	ws.model.Sum(ws.each(func(at int, part []byte) { copy(all[at:], part) }))
	if err := w.broadcast(all); err != nil {
		return err
	}
	if w.Rank() > 0 {
		ws.model.Sum(ws.each(func(at int, part []byte) { copy(part, all[at:]) }))
		ws.model.Commit()
	}
	return nil
}
