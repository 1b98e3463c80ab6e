package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// idx makes a file: a magic number, sizes and a body.
func idx(magic uint32, sizes []uint32, body ...byte) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, magic)
	binary.Write(&b, binary.BigEndian, sizes)
	return append(b.Bytes(), body...)
}

func zip(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

var (
	twoImages = idx(imagesMagic, []uint32{2, 1, 2}, 1, 2, 3, 4)
	twoLabels = idx(labelsMagic, []uint32{2}, 7, 9)
)

// writeFiles writes files to a folder, and returns the folder.
func writeFiles(t *testing.T, folder string, files map[string][]byte) string {
	t.Helper()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func loadBytes(t *testing.T, images, labels []byte) (*Images, error) {
	t.Helper()
	dir := writeFiles(t, t.TempDir(), map[string][]byte{"images": images, "labels": labels})
	return loadIDX(filepath.Join(dir, "images"), filepath.Join(dir, "labels"))
}

func TestLoadIDX(t *testing.T) {
	for name, files := range map[string][2][]byte{
		"plain": {twoImages, twoLabels}, "compressed": {zip(twoImages), zip(twoLabels)},
	} {
		s, err := loadBytes(t, files[0], files[1])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.Len() != 2 || s.Rows != 1 || s.Cols != 2 ||
			!bytes.Equal(s.Pixels, []byte{1, 2, 3, 4}) || !bytes.Equal(s.Labels, []byte{7, 9}) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestDamagedFiles: each fault is an error that names the file.
func TestDamagedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		images, labels []byte
		file, want     string
	}{
		"empty":        {nil, twoLabels, "images", "header"},
		"short header": {twoImages[:10], twoLabels, "images", "header"},
		"images' magic": {idx(labelsMagic, []uint32{2, 1, 2}, 1, 2, 3, 4), twoLabels, "images",
			"magic number"},
		"labels' magic": {twoImages, twoImages, "labels", "magic number"},
		"truncated":     {twoImages[:19], twoLabels, "images", "ends after 3 of 4 bytes"},
		"too long":      {append(bytes.Clone(twoImages), 0), twoLabels, "images", "more than"},
		"huge count": {idx(imagesMagic, []uint32{1<<32 - 1, 4096, 4096}, 1), twoLabels,
			"images", "4294967295 images of 4096 by 4096 pixels, want at most 47040000 pixels"},
		"one image too many": {zip(idx(imagesMagic, []uint32{60_001, 28, 28}, 1)), twoLabels,
			"images", "60001 images of 28 by 28 pixels, want at most"},
		"less than it says": {idx(imagesMagic, []uint32{60_000, 28, 28}, 1), twoLabels, "images",
			"ends after 1 of 47040000"},
		"huge number of labels": {twoImages, zip(idx(labelsMagic, []uint32{60_001}, 1)), "labels",
			"60001 labels, want at most 60000"},
		"huge side": {idx(imagesMagic, []uint32{1, 1 << 31, 1 << 31}, 1), twoLabels,
			"images", "images of"},
		"no image": {idx(imagesMagic, []uint32{0, 1, 2}), twoLabels, "images", "0 images"},
		"no pixel": {idx(imagesMagic, []uint32{2, 0, 2}), twoLabels, "images", "0 by 2"},
		"label too large": {twoImages, idx(labelsMagic, []uint32{2}, 7, 10), "labels",
			"label 1 is 10"},
		"other number": {twoImages, idx(labelsMagic, []uint32{3}, 1, 2, 3), "labels",
			"2 images"},
		"truncated gzip": {zip(twoImages)[:25], twoLabels, "images", "unexpected EOF"},
		"gzip checksum": {append(zip(twoImages)[:len(zip(twoImages))-8], 1, 2, 3, 4, 5, 6, 7, 8),
			twoLabels, "images", "checksum"},
		"gzip and no more": {[]byte{0x1f, 0x8b}, twoLabels, "images", "EOF"},
		"html, not numbers": {[]byte("<html>not found</html>"), twoLabels, "images",
			"magic number"},
	} {
		_, err := loadBytes(t, c.images, c.labels)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: error %v, want %s and %q in it", name, err, c.file, c.want)
		}
	}
}

// TestSizesDiffer: training and test images of different size are rejected.
func TestSizesDiffer(t *testing.T) {
	dir := writeFiles(t, t.TempDir(), map[string][]byte{
		"train-images-idx3-ubyte": twoImages, "train-labels-idx1-ubyte": twoLabels,
		"t10k-images-idx3-ubyte": idx(imagesMagic, []uint32{2, 2, 1}, 1, 2, 3, 4),
		"t10k-labels-idx1-ubyte": twoLabels,
	})
	if _, _, err := MNIST(dir); err == nil || !strings.Contains(err.Error(), "1 by 2") {
		t.Errorf("error %v", err)
	}
}

func TestMissingFile(t *testing.T) {
	_, _, err := MNIST(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "train-images-idx3-ubyte") {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestMNIST(t *testing.T) {
	train, test, err := MNIST("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		images *Images
		n      int
		first  []byte // labels
	}{
		{"training", train, 60000, []byte{5, 0, 4, 1, 9}},
		{"test", test, 10000, []byte{7, 2, 1, 0, 4}},
	} {
		if c.images.Len() != c.n || c.images.Size() != 28*28 ||
			!bytes.Equal(c.images.Labels[:5], c.first) {
			t.Errorf("%s set: %d images of %d pixels, labels %v", c.name, c.images.Len(),
				c.images.Size(), c.images.Labels[:5])
		}
	}
}

// FuzzIDX: the reader never panics, and accepted files are consistent.
func FuzzIDX(f *testing.F) {
	f.Add(twoImages, twoLabels)
	f.Add(zip(twoImages), zip(twoLabels))
	f.Add(idx(imagesMagic, []uint32{1 << 31, 4000, 4000}, 1), []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		s := &Images{Classes: 10}
		if decompressed(bytes.NewReader(images), s.readImages) == nil {
			if n := len(s.Pixels); n == 0 || n%s.Size() != 0 {
				t.Errorf("%d pixels in images of %d", n, s.Size())
			}
		}
		if decompressed(bytes.NewReader(labels), s.readLabels) == nil {
			for _, l := range s.Labels {
				if int(l) >= s.Classes {
					t.Errorf("label %d", l)
				}
			}
		}
	})
}
