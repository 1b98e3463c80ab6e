package l4

import (
	"log/slog"

	"github.com/pkg/errors"
)

// refuse ends a step that cannot be made: it returns the error, or nil if the step is skipped.
func (s *Solver) refuse(err error) error {
	if found, ok := err.(*nonFinite); ok {
		s.model.ZeroGrads()
		if s.skipped < s.opts.skipNonFinite {
			s.skipped++
			s.last.Skipped++
			return nil
		}
		lasting := *found // the next check writes to found
		err = &lasting
	}
	s.last.Refused++
	s.told.tell(s.opts.logger, err, s.last.Step+1)
	return err
}

// told remembers which errors have been logged.
type told map[string]bool

// maxTold is how many kinds of errors are logged.
const maxTold = 64

// tell logs an error if it is the first of its kind.
func (t *told) tell(logger *slog.Logger, err error, step int) {
	kind := err.Error()
	for _, sentinel := range []error{ErrNonFinite, ErrNegativeLoss, ErrModelChanged} {
		if errors.Is(err, sentinel) {
			kind = sentinel.Error()
		}
	}
	if logger == nil || (*t)[kind] || len(*t) == maxTold {
		return
	}
	if *t == nil {
		*t = told{}
	}
	(*t)[kind] = true
	logger.Error("l4 refused a step; others for the same reason will not be logged",
		"step", step, "error", err)
}

// WithLogger logs the first refused step of each kind, at the level of errors. Most programs call
// Step as a statement and never see its error. Default: none.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}
