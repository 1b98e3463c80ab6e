package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small lists the members of the archives.
var small = &Members{Names: []string{"one.bin", "two.bin"}, Size: 6}

// plain returns an entry for a regular file with content that depends on the name.
func plain(name string, size int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}
}

// text returns the content of an entry.
func text(h tar.Header) []byte {
	return bytes.Repeat([]byte(filepath.Base(h.Name)), int(h.Size))[:h.Size]
}

func archive(entries ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		w.WriteHeader(&h)
		w.Write(text(h))
	}
	w.Close()
	return zip(b.Bytes())
}

// whole is an archive like CIFAR-10's.
var whole = archive(tar.Header{Name: "set/", Typeflag: tar.TypeDir, Mode: 0o755},
	plain("set/readme.html", 30), plain("set/two.bin", 6), plain("set/one.bin", 6))

var wholeFiles = map[string][]byte{"one.bin": []byte("one.bi"), "two.bin": []byte("two.bi")}

func TestUnpack(t *testing.T) {
	folder := t.TempDir()
	if err := small.unpack(bytes.NewReader(whole), folder); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, folder, wholeFiles)
}

// TestUnpackRejects: each invalid archive is an error, and does not write outside of the folder.
func TestUnpackRejects(t *testing.T) {
	one, two := plain("set/one.bin", 6), plain("set/two.bin", 6)
	link := func(kind byte, to string) tar.Header {
		return tar.Header{Name: "set/two.bin", Typeflag: kind, Linkname: to}
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-8]++ // the checksum at the end
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"nothing":            {nil, "EOF"},
		"no archive":         {[]byte("<html>no such file"), "gzip: invalid header"},
		"compressed, no tar": {zip([]byte("hello")), "unexpected EOF"},
		"empty":              {archive(), "one.bin is missing"},
		"damaged":            {damaged, "gzip: invalid checksum"},
		"a member missing":   {archive(one), "two.bin is missing"},
		"a member twice":     {archive(one, two, one), "one.bin occurs twice"},
		"the same name":      {archive(one, two, plain("one.bin", 6)), "one.bin occurs twice"},
		"too large": {archive(one, plain("two.bin", 7)),
			`two.bin" has 7 bytes, want 6`},
		"too small": {archive(one, plain("two.bin", 5)), "has 5 bytes, want 6"},
		"path upwards": {archive(one, two, plain("../evil", 6)),
			`the path "../evil" leads out`},
		"member upwards": {archive(one, plain("../two.bin", 6)),
			`the path "../two.bin" leads out`},
		"path up and down":   {archive(one, plain("set/../../two.bin", 6)), "leads out"},
		"path from the root": {archive(one, plain("/two.bin", 6)), `"/two.bin" leads out`},
		"symbolic link": {archive(one, link(tar.TypeSymlink, "/etc/passwd")),
			"not a regular file"},
		"link": {archive(one, link(tar.TypeLink, "set/one.bin")),
			"not a regular file"},
		"device":              {archive(one, link(tar.TypeChar, "")), "not a regular file"},
		"large besides":       {archive(one, two, plain("zero", 2<<20)), "more than 1048588 bytes"},
		"large besides first": {archive(plain("zero", 2<<20), one, two), "more than 1048588 bytes"},
	} {
		outside := t.TempDir()
		folder := filepath.Join(outside, "set")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		err := small.unpack(bytes.NewReader(c.archive), folder)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if entries, _ := os.ReadDir(outside); len(entries) != 1 {
			t.Errorf("%s: %v beside the folder", name, entries)
		}
	}
	for n := range whole {
		if err := small.unpack(bytes.NewReader(whole[:n]), t.TempDir()); err == nil {
			t.Errorf("the first %d of %d bytes are accepted as complete", n, len(whole))
		}
	}
}

// TestFetchArchive: the cache holds only the members. A second Find does not send a request, and
// neither does a Find after a crash.
func TestFetchArchive(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"set.tar.gz": whole})
	s := o.source(t)
	s.Members = small
	folder, err := s.cache()
	if err != nil {
		t.Fatal(err)
	}
	partial := folder + ".partial"
	if err := os.MkdirAll(partial, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, partial, map[string][]byte{"one.bin": []byte("on"), "set.tar.gz": whole})
	for range 2 {
		if _, err := s.Find(context.Background(), quiet); err != nil {
			t.Fatal(err)
		}
		wantFiles(t, folder, wholeFiles)
	}
	if len(o.requests()) != 0 {
		t.Errorf("%d requests", len(o.requests()))
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(context.Background(), quiet); err != nil || len(o.requests()) != 1 {
		t.Errorf("%d requests, %v", len(o.requests()), err)
	}
	wantFiles(t, folder, wholeFiles)
}

// TestFetchBadArchive: an archive with the right checksum that lacks a member is an error.
func TestFetchBadArchive(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"set.tar.gz": archive(plain("one.bin", 6))})
	s := o.source(t)
	s.Members = small
	for range 2 {
		_, err := s.Find(context.Background(), quiet)
		if err == nil || !strings.Contains(err.Error(), "two.bin is missing") ||
			!strings.Contains(err.Error(), "unpack it, and name the folder") {
			t.Error(err)
		}
	}
}

// FuzzUnpack: an archive that unpacks without an error is complete, and does not write outside of
// the folder.
func FuzzUnpack(f *testing.F) {
	for _, archive := range [][]byte{whole,
		archive(plain("one.bin", 6), plain("../two.bin", 6)),
		archive(plain("one.bin", 6), tar.Header{
			Name: "two.bin", Typeflag: tar.TypeSymlink, Linkname: "../evil",
		}),
	} {
		f.Add(archive)
		z, err := gzip.NewReader(bytes.NewReader(archive))
		if err != nil {
			f.Fatal(err)
		}
		unzipped, err := io.ReadAll(z)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(unzipped)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, archive := range [][]byte{data, zip(data)} { // a changed gzip file is seldom one
			outside := t.TempDir()
			folder := filepath.Join(outside, "set")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			err := small.unpack(bytes.NewReader(archive), folder)
			if entries, _ := os.ReadDir(outside); len(entries) != 1 {
				t.Fatalf("%v beside the folder", entries)
			}
			entries, _ := os.ReadDir(folder)
			if err == nil && len(entries) != len(small.Names) {
				t.Fatalf("%v in the folder", entries)
			}
			for _, e := range entries {
				info, infoErr := e.Info()
				if infoErr != nil || !info.Mode().IsRegular() || info.Size() > small.Size ||
					err == nil && info.Size() != small.Size {
					t.Fatalf("%v in the folder (%v)", info, infoErr)
				}
			}
		}
	})
}
