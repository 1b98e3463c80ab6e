package figure

import (
	"cmp"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pkg/errors"
)

// WriteCSV writes rows of cells to a file.
func WriteCSV(path string, rows [][]string) error {
	return WriteFile(path, func(w io.Writer) error {
		return csv.NewWriter(w).WriteAll(rows)
	})
}

// WriteFile writes either a complete file or no file. It writes to a temporary file and renames
// that, so several programs may write the same file at the same time. A crash leaves the temporary
// file behind; see Leftovers.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := createTemp(path)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename this fails
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp makes a file that only its owner may read
	}
	if err = cmp.Or(err, f.Close()); err != nil {
		return errors.WithMessage(err, path)
	}
	return os.Rename(f.Name(), path)
}

// Open opens a file for reading. A file that is not regular, such as a device, is an error, because
// it may be endless.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.Errorf("figure: %s is not a regular file: name a regular file", path)
	}
	return os.Open(path)
}

// CheckWritable returns an error if WriteFile cannot write the file. It does not change any file.
func CheckWritable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.Errorf("figure: %s is a folder: remove it, or write to another folder", path)
	}
	f, err := createTemp(path)
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// tempSuffix is the end of the names of temporary files.
const tempSuffix = ".tmp"

func createTemp(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tempSuffix)
	return f, errors.WithMessagef(err, "figure: cannot write %s", path)
}

// Leftovers returns the temporary files of a path: files that crashes of WriteFile have left, and
// files that other programs are writing.
func Leftovers(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		random, unfinished := strings.CutSuffix(rest, tempSuffix)
		if ours && unfinished && isRandom(random) && e.Type().IsRegular() {
			names = append(names, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return names, nil
}

// isRandom reports whether os.CreateTemp may have replaced the star by s.
func isRandom(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && strconv.FormatUint(n, 10) == s
}
