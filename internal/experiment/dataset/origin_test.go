package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// origin is a file server whose faults a test chooses.
type origin struct {
	*httptest.Server
	files map[string][]byte

	mu sync.Mutex
	// fault answers a request in its own way, or returns false.
	fault  func(count int, w http.ResponseWriter, r *http.Request) bool
	ranges []string // that the requests have asked for
	sent   int      // bytes
}

func newOrigin(t *testing.T, files map[string][]byte) *origin {
	o := &origin{files: files}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.Close)
	return o
}

func (o *origin) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.ranges = append(o.ranges, r.Header.Get("Range"))
	count, fault := len(o.ranges), o.fault
	o.mu.Unlock()
	w = &meter{w, o}
	if fault != nil && fault(count, w, r) {
		return
	}
	if data, ok := o.files[r.URL.Path[1:]]; ok {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	} else {
		http.NotFound(w, r)
	}
}

// set sets the fault; nil removes it.
func (o *origin) set(fault func(count int, w http.ResponseWriter, r *http.Request) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = fault
}

// requests returns the requested ranges.
func (o *origin) requests() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ranges)
}

// meter counts the bytes that the server sends.
type meter struct {
	http.ResponseWriter
	origin *origin
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.ResponseWriter.Write(b)
	m.origin.mu.Lock()
	m.origin.sent += n
	m.origin.mu.Unlock()
	return n, err
}

func (m *meter) Flush() { m.ResponseWriter.(http.Flusher).Flush() }

// half announces the complete file but sends only the first half.
func (o *origin) half(w http.ResponseWriter, r *http.Request) {
	data := o.files[r.URL.Path[1:]]
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data[:len(data)/2])
	w.(http.Flusher).Flush()
}

// source returns a data set of the server's files with a new cache.
func (o *origin) source(t *testing.T) *Source {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
	s := &Source{Name: "Set", patience: patience{3, time.Millisecond, time.Minute}}
	for name, data := range o.files {
		s.Files = append(s.Files, File{o.URL + "/" + name, int64(len(data)),
			fmt.Sprintf("%x", sha256.Sum256(data))})
	}
	return s
}

func quiet(string, int64, int64, error) {}

// find returns the folder, and checks that its files equal the server's files.
func (o *origin) find(t *testing.T, s *Source) string {
	t.Helper()
	folder, err := s.Find(context.Background(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, folder, o.files)
	return folder
}

// wantFiles checks that a folder contains exactly the given files.
func wantFiles(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not the server's %d", name, len(got), len(want))
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(files) {
		t.Errorf("%v in the folder, want %d files (%v)", entries, len(files), err)
	}
}

// content returns bytes that neither compress nor repeat, so that each fault changes them.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

const bigSize = 1 << 20

func big() map[string][]byte { return map[string][]byte{"big": content(bigSize)} }
