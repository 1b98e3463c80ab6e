package l4

import (
	"log/slog"

	"github.com/pkg/errors"
)

// reject counts and logs a step that cannot be made, and returns the error. If WithSkipNonFinite
// skips the step, reject returns nil.
func (s *Solver) reject(err error) error {
	if _, ok := err.(skippable); ok {
		s.model.ZeroGrads()
		if s.skipped < s.opts.skipNonFinite {
			s.skipped++
			s.last.Skipped++
			return nil
		}
	}
	s.last.Rejected++
	s.logged.log(s.opts.logger, err, s.last.Step+1)
	return err
}

// logged remembers which errors have been logged.
type logged struct {
	kinds  map[string]bool // the kinds that the logger of WithLogger has logged
	warned bool            // the default logger has logged an error
}

// maxLogged is the largest number of kinds that are logged.
const maxLogged = 64

// log logs the first error of each kind or, without a logger, the first error. It logs the error as
// a string, because a slog.TextHandler adds the stack trace to an error.
func (l *logged) log(logger *slog.Logger, err error, step int) {
	switch {
	case logger == nil && !l.warned:
		l.warned = true
		slog.Warn("l4 rejected a step; later errors will not be logged: check the error "+
			"that Step returns, or use l4.WithLogger", "step", step, "error", err.Error())
	case logger != nil && l.first(err):
		logger.Error("l4 rejected a step; later errors of this kind will not be logged",
			"step", step, "error", err.Error())
	}
}

// first reports whether an error is the first of its kind.
func (l *logged) first(err error) bool {
	kind := err.Error()
	for _, sentinel := range []error{ErrNonFinite, ErrNegativeLoss, ErrModelChanged} {
		if errors.Is(err, sentinel) {
			kind = sentinel.Error()
		}
	}
	if l.kinds[kind] || len(l.kinds) == maxLogged {
		return false
	}
	if l.kinds == nil {
		l.kinds = map[string]bool{}
	}
	l.kinds[kind] = true
	return true
}

// WithLogger logs the first rejected step of each kind at level Error, for programs that ignore the
// error of Step. Default, also for nil: slog.Default logs the first rejected step of the solver at
// level Warn, and no other. To log nothing, use slog.New(slog.DiscardHandler).
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}

// WithSkipNonFinite skips steps whose loss or gradients are not finite, instead of returning
// ErrNonFinite: the gradients are zeroed, nothing else changes, and Info.Skipped counts the step.
// If n steps in a row have been skipped and the next one is not finite either, Step returns
// ErrNonFinite. At least 0; default 0. Use it if a batch has a NaN now and then.
func WithSkipNonFinite(n int) Option {
	return func(o *options) {
		if n < 0 {
			o.fail(errors.Errorf("l4: WithSkipNonFinite(%d): want a number of steps, at least 0",
				n))
			return
		}
		o.skipNonFinite = n
	}
}
