package dataset

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pkg/errors"
)

// Source describes the origin of the files of a data set.
type Source struct {
	Name      string // of the data set
	Package   string // the Debian package; "" if Debian does not have the data
	Installed string // the folder of that package
	Files     []File
	Members   *Members // to unpack from the only file, an archive; nil for files without an archive
	Advice    string   // what to do with downloaded files; "" is to name their folder with --data

	patience patience // the zero value means usual
}

// File is a file to download.
type File struct {
	URL    string
	Size   int64
	SHA256 string // in hex
}

func (f File) name() string { return path.Base(f.URL) }

// Progress is called with the number of downloaded bytes of a file. If an attempt has failed and
// another attempt follows, failed is the error; otherwise it is nil.
type Progress func(file string, done, size int64, failed error)

// Find returns a folder with the files: the folder of the Debian package if it is installed, or
// else a folder in the user's cache. If both are missing, Find downloads the files. If several
// programs need the files at the same time, one downloads them and the others wait. If ctx is done
// or the network fails, the next call continues the download.
func (s *Source) Find(ctx context.Context, progress Progress) (folder string, err error) {
	if s.Installed != "" && isFolder(s.Installed) {
		return s.Installed, nil
	}
	if folder, err = s.cache(); err == nil && !isFolder(folder) {
		err = s.fetch(ctx, folder, progress)
	}
	if err != nil && ctx.Err() != nil {
		return "", ctx.Err()
	}
	return folder, errors.WithMessage(err, s.byHand())
}

// cache returns the folder for the files in the user's cache.
func (s *Source) cache() (string, error) {
	user, err := os.UserCacheDir()
	return filepath.Join(user, "l4", strings.ToLower(s.Name)), err
}

// lockPause is the time between two attempts to lock the download.
const lockPause = 100 * time.Millisecond

// fetch downloads the files to a folder. The folder gets its name when all files are complete and
// checked.
func (s *Source) fetch(ctx context.Context, folder string, progress Progress) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	lock := flock.New(folder + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return err
	}
	defer lock.Unlock()
	if isFolder(folder) { // another program has downloaded it
		return nil
	}
	partial := folder + ".partial"
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}
	for _, f := range s.Files {
		d := download{File: f, path: filepath.Join(partial, f.name()), patience: s.patience}
		d.report = func(done int64, failed error) { progress(f.name(), done, f.Size, failed) }
		if err := d.run(ctx); err != nil {
			return errors.WithMessage(err, f.URL)
		}
	}
	if s.Members == nil {
		return os.Rename(partial, folder)
	}
	archive := s.Files[0].name()
	if err := s.Members.unpackFile(filepath.Join(partial, archive), partial); err != nil {
		return errors.WithMessage(err, s.Files[0].URL)
	}
	if err := os.Rename(partial, folder); err != nil {
		return err
	}
	return os.Remove(filepath.Join(folder, archive))
}

// byHand returns the message of a failed download, with the steps to get the files by hand.
func (s *Source) byHand() string {
	var text strings.Builder
	fmt.Fprintf(&text, "dataset: cannot download %s: ", s.Name)
	if s.Package != "" {
		fmt.Fprintf(&text, "run `apt-get install %s`, or ", s.Package)
	}
	text.WriteString("download")
	for _, f := range s.Files {
		text.WriteString(" " + f.URL)
	}
	if s.Members != nil {
		text.WriteString(", unpack it,")
	}
	text.WriteString(" and " + cmp.Or(s.Advice, "name the folder with --data"))
	return text.String()
}
