package compare

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
)

// OpenFolder creates a folder and locks it for files with one name, so that no other program writes
// these files until release is called. It removes the unfinished files of killed programs, and
// returns an error if one of the files cannot be written.
func OpenFolder(folder, name string, files ...string) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	release, err = lock(filepath.Join(folder, name), "the folder "+folder+" for "+name)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := cmp.Or(removeLeftovers(path), figure.CheckWritable(path)); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// lock locks the file path.lock. It returns an error if another program has locked the file. In the
// error, what names the locked resource.
func lock(path, what string) (release func(), err error) {
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

// hasName reports whether a locked file still has its name. The file has lost its name if the
// program with the lock removed the file and ended after this program had opened the file.
func hasName(l *flock.Flock) bool {
	locked, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(locked, named)
}

// removeLeftovers removes the unfinished versions of a file that killed programs have left. The
// caller must have locked the file.
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
