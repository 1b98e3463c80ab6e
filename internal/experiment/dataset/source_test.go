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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/errors"
)

// origin is a server of files whose faults a test chooses.
type origin struct {
	*httptest.Server
	files map[string][]byte
	// fault answers a request in its own way, or returns false.
	fault func(count int, w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
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
	count := len(o.ranges)
	o.mu.Unlock()
	w = &meter{w, o}
	if o.fault != nil && o.fault(count, w, r) {
		return
	}
	if data, ok := o.files[r.URL.Path[1:]]; ok {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	} else {
		http.NotFound(w, r)
	}
}

// meter counts what is sent.
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

// half sends the first half of the file, as if all of it were to follow.
func (o *origin) half(w http.ResponseWriter, r *http.Request) {
	data := o.files[r.URL.Path[1:]]
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data[:len(data)/2])
	w.(http.Flusher).Flush()
}

// source is a data set of the server's files, fetched into a cache of its own.
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

// find returns the folder, whose files it compares with those of the server.
func (o *origin) find(t *testing.T, s *Source) string {
	t.Helper()
	folder, err := s.Find(context.Background(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, folder, o.files)
	return folder
}

// wantFiles compares a folder, in which nothing else may be.
func wantFiles(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not the %d of the server", name, len(got), len(want))
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(files) {
		t.Errorf("%v in the folder, want %d files (%v)", entries, len(files), err)
	}
}

// content returns bytes that no compression or repetition hides a fault in.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

const bigSize = 1 << 20

func big() map[string][]byte { return map[string][]byte{"big": content(bigSize)} }

// TestFetch: all files are fetched once, and each of their bytes.
func TestFetch(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"a.gz": zip(content(5000)), "b": content(70_000), "c": {}})
	s := o.source(t)
	o.fault = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if e := r.Header.Get("Accept-Encoding"); e != "identity" {
			t.Errorf("encoding %q, which may not be that of the checksum", e)
		}
		return false
	}
	seen := map[string]int64{}
	folder, err := s.Find(context.Background(), func(file string, done, size int64, failed error) {
		if done < seen[file] || size != int64(len(o.files[file])) || failed != nil {
			t.Errorf("%s: %d of %d bytes after %d: %v", file, done, size, seen[file], failed)
		}
		seen[file] = done
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, folder, o.files)
	for name, data := range o.files {
		if seen[name] != int64(len(data)) {
			t.Errorf("%s: progress ended at %d of %d bytes", name, seen[name], len(data))
		}
	}
	requests := len(o.ranges)
	o.Close()
	if again := o.find(t, s); again != folder || requests > len(o.files) {
		t.Errorf("folder %s after %s, %d requests", again, folder, requests)
	}
}

// TestInstalled: with the package nothing is fetched.
func TestInstalled(t *testing.T) {
	o := newOrigin(t, nil)
	s := o.source(t)
	s.Installed = t.TempDir()
	if folder, err := s.Find(context.Background(), quiet); folder != s.Installed || err != nil {
		t.Errorf("folder %s: %v", folder, err)
	}
}

// TestFaultsThatPass: the file is whole in spite of them. want holds the ranges of the requests.
func TestFaultsThatPass(t *testing.T) {
	const rest = "bytes=524288-" // half of the file
	first := func(fault func(o *origin, w http.ResponseWriter, r *http.Request)) func(
		o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
		return func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
			if count == 1 {
				fault(o, w, r)
			}
			return count == 1
		}
	}
	cut := func(o *origin, w http.ResponseWriter, r *http.Request) {
		o.half(w, r)
		panic(http.ErrAbortHandler)
	}
	status := func(code int) func(o *origin, w http.ResponseWriter, r *http.Request) {
		return func(_ *origin, w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	// afterCut cuts the first answer off, and gives its own to requests of the rest.
	afterCut := func(answer func(o *origin, w http.ResponseWriter, r *http.Request)) func(
		o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
		return func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
			switch {
			case count == 1:
				cut(o, w, r)
			case r.Header.Get("Range") != "":
				answer(o, w, r)
				return true
			}
			return false
		}
	}
	for name, c := range map[string]struct {
		fault func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool
		want  []string
		sent  int
	}{
		"cut off, resumed": {first(cut), []string{"", rest}, bigSize},
		"cut off, the server knows no ranges": {afterCut(
			func(o *origin, w http.ResponseWriter, _ *http.Request) { w.Write(o.files["big"]) },
		), []string{"", rest}, bigSize + bigSize/2},
		"cut off, the server refuses the range": {
			afterCut(status(http.StatusRequestedRangeNotSatisfiable)),
			[]string{"", rest, ""}, bigSize + bigSize/2},
		"cut off, the server sends another range": {afterCut(
			func(o *origin, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%[1]d", bigSize))
				w.WriteHeader(http.StatusPartialContent)
			}), []string{"", rest, ""}, bigSize + bigSize/2},
		"hangs before it answers": {
			first(func(_ *origin, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			[]string{"", ""}, bigSize},
		"hangs in the middle": {first(func(o *origin, w http.ResponseWriter, r *http.Request) {
			o.half(w, r)
			<-r.Context().Done()
		}), []string{"", rest}, bigSize},
		"500":         {first(status(http.StatusInternalServerError)), []string{"", ""}, bigSize},
		"is too busy": {first(status(http.StatusTooManyRequests)), []string{"", ""}, bigSize},
		"is slow, but goes on": {first(func(o *origin, w http.ResponseWriter, _ *http.Request) {
			for i := range 8 { // takes longer than it may hang
				time.Sleep(100 * time.Millisecond)
				w.Write(o.files["big"][i*bigSize/8 : (i+1)*bigSize/8])
				w.(http.Flusher).Flush()
			}
		}), []string{""}, bigSize},
		"four cuts, each after new bytes": {
			func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
				if count > 4 {
					return false
				}
				start := (count - 1) * bigSize / 8
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-", start))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(o.files["big"][start : start+bigSize/8])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}, []string{"", "bytes=131072-", "bytes=262144-", "bytes=393216-", rest}, bigSize},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, big())
			s := o.source(t)
			s.patience.stall = 500 * time.Millisecond
			o.fault = func(count int, w http.ResponseWriter, r *http.Request) bool {
				return c.fault(o, count, w, r)
			}
			o.find(t, s)
			if got := strings.Join(o.ranges, ","); got != strings.Join(c.want, ",") {
				t.Errorf("requests of the ranges %q, want %q", o.ranges, c.want)
			}
			if o.sent != c.sent {
				t.Errorf("the server has sent %d bytes, want %d", o.sent, c.sent)
			}
		})
	}
}

// TestFaultsThatStay: the error says what was wrong, at which address, and what to do. tries is how
// often the server is asked.
func TestFaultsThatStay(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	other := content(bigSize + 1)[1:]
	for name, c := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request)
		want  []string
		tries int
	}{
		"404": {status(http.StatusNotFound), []string{"404 Not Found"}, 1},
		"503": {status(http.StatusServiceUnavailable), []string{"503", "3 attempts"}, 3},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			[]string{"no byte for 50ms"}, 3},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			panic(http.ErrAbortHandler)
		}, []string{"EOF"}, 3},
		"another file": {func(w http.ResponseWriter, _ *http.Request) { w.Write(other) }, []string{
			fmt.Sprintf("%x", sha256.Sum256(other)),
			fmt.Sprintf("want %x", sha256.Sum256(content(bigSize))),
		}, 1},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
			[]string{"6 bytes, want 1048576"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, big())
			s := o.source(t)
			s.Package, s.patience.stall = "dataset-set", 50*time.Millisecond
			o.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				c.fault(w, r)
				return true
			}
			_, err := s.Find(context.Background(), quiet)
			if err == nil {
				t.Fatal("no error")
			}
			want := append(c.want, o.URL+"/big", "apt-get install dataset-set", "--data")
			for _, text := range want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q, want %q in it", err, text)
				}
			}
			if len(o.ranges) != c.tries {
				t.Errorf("%d requests, want %d", len(o.ranges), c.tries)
			}
			o.fault = nil
			o.find(t, s) // nothing bad is kept
		})
	}
}

// TestNoServer: so it looks without a network.
func TestNoServer(t *testing.T) {
	o := newOrigin(t, big())
	s := o.source(t)
	o.Close()
	_, err := s.Find(context.Background(), quiet)
	if err == nil || !strings.Contains(err.Error(), "refused") ||
		strings.Count(err.Error(), o.URL) != 2 { // what failed, and what to download
		t.Errorf("%v", err)
	}
}

// TestNoCache: a folder that cannot be written is not asked for again and again.
func TestNoCache(t *testing.T) {
	o := newOrigin(t, big())
	s := o.source(t)
	folder, err := s.cache()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Dir(folder), nil, 0o644); err != nil { // a file in its place
		t.Fatal(err)
	}
	if _, err := s.Find(context.Background(), quiet); err == nil || len(o.ranges) > 0 {
		t.Errorf("error %v after %d requests", err, len(o.ranges))
	}
}

// TestCancel: the download ends at once, and the next one goes on from where it was.
func TestCancel(t *testing.T) {
	o := newOrigin(t, big())
	s := o.source(t)
	o.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		o.half(w, r)
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Find(ctx, func(_ string, done, _ int64, _ error) {
		if done == bigSize/2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o.fault = nil
	o.find(t, s)
	if len(o.ranges) != 2 || o.ranges[1] != "bytes=524288-" || o.sent != bigSize {
		t.Errorf("%d bytes sent to requests of %q", o.sent, o.ranges)
	}
}

// TestCancelPause: neither the pause after a failure nor another program is waited for.
func TestCancelPause(t *testing.T) {
	o := newOrigin(t, nil)
	s := o.source(t)
	s.Files = []File{{URL: o.URL + "/big", Size: bigSize}}
	s.patience.pause = time.Hour
	o.fault = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Find(ctx, func(_ string, _, _ int64, failed error) {
		if failed == nil {
			return
		}
		waiting, stop := context.WithTimeout(ctx, 10*time.Millisecond)
		defer stop()
		if _, err := s.Find(waiting, quiet); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v while another program fetches", err)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || len(o.ranges) != 1 {
		t.Errorf("%v after %d requests", err, len(o.ranges))
	}
}

// TestTogether: of several at a time, one fetches.
func TestTogether(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"a": content(1000), "b": content(bigSize)})
	s := o.source(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			folder, err := s.Find(context.Background(), quiet)
			if err != nil {
				t.Error(err)
				return
			}
			wantFiles(t, folder, o.files)
		})
	}
	group.Wait()
	if len(o.ranges) != len(o.files) {
		t.Errorf("%d requests of %d files", len(o.ranges), len(o.files))
	}
}
