package compare

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gofrs/flock"
)

// TestLockRemoved: a lock on a file that its last owner has removed does not count, even if a third
// program has created the file again.
func TestLockRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	l := flock.New(path + ".lock")
	if locked, err := l.TryLock(); err != nil || !locked || !hasName(l) {
		t.Fatalf("locked %v, %v, has its name %v", locked, err, hasName(l))
	}
	defer l.Unlock()
	if runtime.GOOS == "windows" {
		t.Skip("a file in use cannot be removed")
	}
	if err := os.Remove(l.Path()); err != nil || hasName(l) {
		t.Errorf("%v: the removed file has its name", err)
	}
	release, err := lock(path, "")
	if err != nil || hasName(l) {
		t.Fatalf("%v: hasName accepts the file of another lock", err)
	}
	release()
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// TestLockTogether: only one program at a time has the lock.
func TestLockTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var group sync.WaitGroup
	var owners, taken atomic.Int32
	for range 8 {
		group.Go(func() {
			for range 5000 {
				release, err := lock(path, "")
				if err != nil {
					continue
				}
				taken.Add(1)
				if n := owners.Add(1); n > 1 {
					t.Errorf("%d owners", n)
				}
				runtime.Gosched()
				owners.Add(-1)
				release()
			}
		})
	}
	group.Wait()
	if taken.Load() < 100 {
		t.Errorf("the lock was taken %d times", taken.Load())
	}
}
