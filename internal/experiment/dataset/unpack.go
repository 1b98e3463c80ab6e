package dataset

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/pkg/errors"
)

// Members are the files of an archive that a data set needs. Each has Size bytes. They may be in a
// folder of the archive. Other files of the archive must be small, and are not unpacked.
type Members struct {
	Names []string
	Size  int64
}

// othersSize limits the total size of the archive besides its members.
const othersSize = 1 << 20

// unpackFile unpacks the members of a .tar.gz file into a folder.
func (m *Members) unpackFile(archive, folder string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.WithMessage(m.unpack(f, folder), "archive")
}

func (m *Members) unpack(archive io.Reader, folder string) error {
	z, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	limit := int64(len(m.Names))*m.Size + othersSize
	unzipped := &io.LimitedReader{R: z, N: limit}
	missing, err := m.extract(tar.NewReader(unzipped), folder)
	if err == nil { // the checksum is at the end of the archive
		_, err = io.Copy(io.Discard, unzipped)
	}
	switch {
	case unzipped.N == 0:
		return errors.Errorf("the unpacked data has more than %d bytes", limit)
	case err != nil:
		return err
	case len(missing) > 0:
		return errors.Errorf("%s is missing", missing[0])
	}
	return nil
}

// extract writes the members and returns the names of missing members.
func (m *Members) extract(files *tar.Reader, folder string) (missing []string, err error) {
	missing = slices.Clone(m.Names)
	for {
		h, err := files.Next()
		if err == io.EOF {
			return missing, nil
		}
		if err != nil {
			return nil, err
		}
		member, err := m.wanted(h)
		if err != nil {
			return nil, err
		}
		if !member {
			continue
		}
		name := path.Base(h.Name)
		i := slices.Index(missing, name)
		if i < 0 {
			return nil, errors.Errorf("%s occurs twice", name)
		}
		missing = slices.Delete(missing, i, i+1)
		if err := m.write(filepath.Join(folder, name), files); err != nil {
			return nil, err
		}
	}
}

// wanted reports whether an entry is a member. Entries that such an archive cannot contain are
// errors.
func (m *Members) wanted(h *tar.Header) (bool, error) {
	switch {
	case !filepath.IsLocal(h.Name):
		return false, errors.Errorf("the path %q leads out of the folder", h.Name)
	case h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader:
		return false, nil
	case h.Typeflag != tar.TypeReg:
		return false, errors.Errorf("%q is not a regular file", h.Name)
	case !slices.Contains(m.Names, path.Base(h.Name)):
		return false, nil
	case h.Size != m.Size:
		return false, errors.Errorf("%q has %d bytes, want %d", h.Name, h.Size, m.Size)
	}
	return true, nil
}

// write writes a member to a file.
func (m *Members) write(path string, from io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err = io.CopyN(f, from, m.Size); err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}
