package dist

import (
	"encoding"
	"reflect"

	"github.com/pkg/errors"
	"gorgonia.org/gorgonia"
)

// State is that of a solver, as l4's have it.
type State interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Start gives all ranks the weights and the solver's state of rank 0, which may have loaded them
// from a checkpoint. Call it before the first step. The solver is nil if its state cannot be saved.
// All ranks get an error if one has another model, or a solver with other options.
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

// stateOf returns what rank 0 sends of a solver.
func (w *World) stateOf(solver State) ([]byte, error) {
	if v := reflect.ValueOf(solver); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.Errorf("dist: the solver is a nil %T: create it before Start, or pass "+
			"nil for a solver without a state", solver)
	}
	if solver == nil || w.Rank() > 0 {
		return nil, nil
	}
	return solver.MarshalBinary()
}

// broadcastWeights sends the weights of rank 0 to all.
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
