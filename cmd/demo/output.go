package main

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// openOut makes the folder of --out and locks it for the files of one name, so that no other demo
// writes them until release is called. It removes what killed demos have left of the files, and
// returns an error if one of the files could not be written.
func openOut(folder, name string, files ...string) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, errors.WithMessage(err, "--out")
	}
	release, err = takeLock(filepath.Join(folder, name), "the folder "+folder+" for "+name)
	if err != nil {
		return nil, errors.WithMessage(err, "--out")
	}
	for _, path := range files {
		if err := cmp.Or(removeLeftovers(path), figure.CheckWritable(path)); err != nil {
			release()
			return nil, errors.WithMessage(err, "--out")
		}
	}
	return release, nil
}

// takeLock locks a file beside path. It returns an error if another demo has locked it; what says
// what of the user's the lock is for.
func takeLock(path, what string) (release func(), err error) {
	l := flock.New(path + ".lock")
	locked, err := l.TryLock()
	if err != nil {
		return nil, errors.WithMessage(err, "cannot lock "+what)
	}
	if !locked || !hasName(l) {
		l.Unlock()
		return nil, errors.Errorf("another demo is using %s: wait until it ends, or name another",
			what)
	}
	return func() {
		os.Remove(l.Path())
		l.Unlock()
	}, nil
}

// hasName reports whether a locked file is still the one of its name. It is not if the demo that
// had the lock has ended, and removed the file, since this one opened it.
func hasName(l *flock.Flock) bool {
	locked, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(locked, named)
}

// removeLeftovers removes what killed demos have left unfinished of a file. It is called with the
// file locked.
func removeLeftovers(path string) error {
	unfinished, err := figure.Leftovers(path)
	if err != nil {
		return err
	}
	for _, name := range unfinished {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}
