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
type told struct {
	kinds  map[string]bool // by the logger that was given
	warned bool            // by the default logger
}

// maxTold is how many kinds of errors are logged.
const maxTold = 64

// tell logs an error if it is the first of its kind or, without a logger, the first of all. The
// error is logged as a string, because a slog.TextHandler adds the stack trace to an error.
func (t *told) tell(logger *slog.Logger, err error, step int) {
	switch {
	case logger == nil && !t.warned:
		t.warned = true
		slog.Warn("l4 refused a step; others will not be logged: check the error that Step "+
			"returns, or use l4.WithLogger", "step", step, "error", err.Error())
	case logger != nil && t.first(err):
		logger.Error("l4 refused a step; others for the same reason will not be logged",
			"step", step, "error", err.Error())
	}
}

// first reports whether an error is the first of its kind.
func (t *told) first(err error) bool {
	kind := err.Error()
	for _, sentinel := range []error{ErrNonFinite, ErrNegativeLoss, ErrModelChanged} {
		if errors.Is(err, sentinel) {
			kind = sentinel.Error()
		}
	}
	if t.kinds[kind] || len(t.kinds) == maxTold {
		return false
	}
	if t.kinds == nil {
		t.kinds = map[string]bool{}
	}
	t.kinds[kind] = true
	return true
}

// WithLogger logs the first refused step of each kind, at the level of errors: most programs call
// Step as a statement and never see its error. Default, and with nil: slog.Default logs the first
// refused step of the solver, at the level of warnings, and no other. So that nothing is logged,
// give it
//
//	slog.New(slog.DiscardHandler)
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}
