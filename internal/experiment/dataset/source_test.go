package dataset

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/errors"
)

// TestFetch: Find fetches each byte of each file once.
func TestFetch(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"a.gz": zip(content(5000)), "b": content(70_000), "c": {}})
	s := o.source(t)
	o.set(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if e := r.Header.Get("Accept-Encoding"); e != "identity" {
			t.Errorf("encoding %q, want identity: the checksum is of the file itself", e)
		}
		return false
	})
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
	o.Close()
	again, requests := o.find(t, s), o.requests()
	if again != folder || len(requests) > len(o.files) {
		t.Errorf("folder %s after %s, requests of the ranges %q", again, folder, requests)
	}
}

// TestInstalled: if the package is installed, Find does not fetch anything.
func TestInstalled(t *testing.T) {
	o := newOrigin(t, nil)
	s := o.source(t)
	s.Installed = t.TempDir()
	if folder, err := s.Find(context.Background(), quiet); folder != s.Installed || err != nil {
		t.Errorf("folder %s: %v", folder, err)
	}
}

// TestFaultsThatPass: the file is complete in spite of temporary faults. want holds the ranges of
// the requests.
func TestFaultsThatPass(t *testing.T) {
	const rest = "bytes=524288-" // half of the file
	type answer func(o *origin, w http.ResponseWriter, r *http.Request)
	type fault func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool
	first := func(answer answer) fault {
		return func(o *origin, count int, w http.ResponseWriter, r *http.Request) bool {
			if count == 1 {
				answer(o, w, r)
			}
			return count == 1
		}
	}
	cut := func(o *origin, w http.ResponseWriter, r *http.Request) {
		o.half(w, r)
		panic(http.ErrAbortHandler)
	}
	status := func(code int) answer {
		return func(_ *origin, w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	// afterCut cuts off the first answer, and answers requests of the rest with the given function.
	afterCut := func(answer answer) fault {
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
		fault fault
		want  []string
		sent  int
		hangs bool
	}{
		"cut off, resumed": {first(cut), []string{"", rest}, bigSize, false},
		"cut off, the server knows no ranges": {afterCut(
			func(o *origin, w http.ResponseWriter, _ *http.Request) { w.Write(o.files["big"]) },
		), []string{"", rest}, bigSize + bigSize/2, false},
		"cut off, the server rejects the range": {
			afterCut(status(http.StatusRequestedRangeNotSatisfiable)),
			[]string{"", rest, ""}, bigSize + bigSize/2, false},
		"cut off, the server sends another range": {afterCut(
			func(o *origin, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%[1]d", bigSize))
				w.WriteHeader(http.StatusPartialContent)
			}), []string{"", rest, ""}, bigSize + bigSize/2, false},
		"cut off, the server sends an invalid range": {afterCut(
			func(o *origin, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", "bytes -9223372036854775808-")
				w.WriteHeader(http.StatusPartialContent)
			}), []string{"", rest, ""}, bigSize + bigSize/2, false},
		"hangs before it answers": {
			first(func(_ *origin, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			[]string{"", ""}, bigSize, true},
		"hangs in the middle": {first(func(o *origin, w http.ResponseWriter, r *http.Request) {
			o.half(w, r)
			<-r.Context().Done()
		}), []string{"", rest}, bigSize, true},
		"500": {first(status(http.StatusInternalServerError)), []string{"", ""}, bigSize,
			false},
		"is too busy": {first(status(http.StatusTooManyRequests)), []string{"", ""}, bigSize,
			false},
		"is slow, but goes on": {first(func(o *origin, w http.ResponseWriter, _ *http.Request) {
			for i := range 8 { // takes longer than it may hang
				time.Sleep(time.Second / 4)
				w.Write(o.files["big"][i*bigSize/8 : (i+1)*bigSize/8])
				w.(http.Flusher).Flush()
			}
		}), []string{""}, bigSize, true},
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
			}, []string{"", "bytes=131072-", "bytes=262144-", "bytes=393216-", rest}, bigSize,
			false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, big())
			s := o.source(t)
			if c.hangs {
				s.patience.stall = time.Second
			}
			o.set(func(count int, w http.ResponseWriter, r *http.Request) bool {
				return c.fault(o, count, w, r)
			})
			o.find(t, s)
			o.Close() // so that all is counted
			if !slices.Equal(o.ranges, c.want) {
				t.Errorf("requests of the ranges %q, want %q", o.ranges, c.want)
			}
			if o.sent != c.sent {
				t.Errorf("the server has sent %d bytes, want %d", o.sent, c.sent)
			}
		})
	}
}

// TestFaultsThatStay: the error names the cause and the address, and says what to do. tries is the
// number of requests.
func TestFaultsThatStay(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	part := func(contentRange string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(http.StatusPartialContent)
		}
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
			[]string{"the server sent nothing for 300ms"}, 3},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			panic(http.ErrAbortHandler)
		}, []string{"EOF"}, 3},
		"another file": {func(w http.ResponseWriter, _ *http.Request) { w.Write(other) }, []string{
			fmt.Sprintf("%x", sha256.Sum256(other)),
			fmt.Sprintf("want %x", sha256.Sum256(content(bigSize))),
		}, 1},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
			[]string{"6 bytes, want 1048576"}, 1},
		"a part from before the file": {part("bytes -5-7/1048576"),
			[]string{"invalid reply", `"bytes -5-7/1048576"`}, 1},
		"a part from far behind": {part("bytes 9223372036854775807-"),
			[]string{"invalid reply", `"bytes 9223372036854775807-"`}, 1},
		"a part from too far to count": {part("bytes 99999999999999999999-"),
			[]string{"invalid reply", `"bytes 99999999999999999999-"`}, 1},
		"a part of unknown place": {part(""), []string{"invalid reply", `""`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, big())
			s := o.source(t)
			s.Package = "dataset-set"
			if name == "hangs" {
				s.patience.stall = 300 * time.Millisecond
			}
			o.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
				c.fault(w, r)
				return true
			})
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
			if n := len(o.requests()); n != c.tries {
				t.Errorf("%d requests, want %d", n, c.tries)
			}
			o.set(nil)
			o.find(t, s) // nothing bad is kept
		})
	}
}

// TestNoServer: without a network the error says what to do by hand.
func TestNoServer(t *testing.T) {
	o := newOrigin(t, big())
	s := o.source(t)
	s.Advice = "put them there"
	o.Close()
	_, err := s.Find(context.Background(), quiet)
	if err == nil || !strings.Contains(err.Error(), "refused") ||
		!strings.Contains(err.Error(), " and put them there: ") ||
		strings.Count(err.Error(), o.URL) != 2 { // what failed, and what to download
		t.Errorf("%v", err)
	}
}

// TestNoCache: if the cache folder cannot be written, Find returns an error and does not send
// requests.
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
	if _, err := s.Find(context.Background(), quiet); err == nil || len(o.requests()) > 0 {
		t.Errorf("error %v after %d requests", err, len(o.requests()))
	}
}

// TestCancel: a cancelled download ends at once, and the next download continues it.
func TestCancel(t *testing.T) {
	o := newOrigin(t, big())
	s := o.source(t)
	o.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		o.half(w, r)
		<-r.Context().Done()
		return true
	})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Find(ctx, func(_ string, done, _ int64, _ error) {
		if done == bigSize/2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o.set(nil)
	o.find(t, s)
	o.Close() // so that all is counted
	if len(o.ranges) != 2 || o.ranges[1] != "bytes=524288-" || o.sent != bigSize {
		t.Errorf("%d bytes sent to requests of %q", o.sent, o.ranges)
	}
}

// TestCancelPause: a cancelled download waits neither for the pause after a failure nor for another
// program.
func TestCancelPause(t *testing.T) {
	o := newOrigin(t, nil)
	s := o.source(t)
	s.Files = []File{{URL: o.URL + "/big", Size: bigSize}}
	s.patience.pause = time.Hour
	o.set(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
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
	if !errors.Is(err, context.Canceled) || len(o.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(o.requests()))
	}
}

// TestTogether: of several programs at a time, only one fetches.
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
	if len(o.requests()) != len(o.files) {
		t.Errorf("%d requests of %d files", len(o.requests()), len(o.files))
	}
}
