package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/pkg/errors"
)

// A download fetches one file to a temporary name and renames it once its checksum matches. It
// continues an interrupted download.
type download struct {
	File
	path     string
	patience patience
	report   func(done int64, failed error)

	done int64 // number of downloaded bytes
}

// patience limits the waiting for a server.
type patience struct {
	tries int           // largest number of attempts in a row without a new byte
	pause time.Duration // after the first of these attempts; it doubles with each further attempt
	stall time.Duration // longest time without a byte in an attempt
}

var usual = patience{tries: 4, pause: time.Second, stall: 30 * time.Second}

// run downloads the file if it does not exist.
func (d *download) run(ctx context.Context) error {
	if _, err := os.Stat(d.path); err == nil {
		return nil
	}
	d.patience = cmp.Or(d.patience, usual)
	most, failures := int64(0), 0
	for {
		err := d.attempt(ctx)
		if err == nil {
			return d.check()
		}
		if ctx.Err() != nil || !temporary(err) {
			return err
		}
		if failures++; d.done > most {
			most, failures = d.done, 1
		}
		if failures == d.patience.tries {
			return errors.WithMessagef(err, "%d attempts in a row failed", failures)
		}
		d.report(d.done, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d.patience.pause << (failures - 1)):
		}
	}
}

// part is the temporary name of the file.
func (d *download) part() string { return d.path + ".part" }

// attempt downloads the missing bytes. It returns nil if the file is complete.
func (d *download) attempt(ctx context.Context) error {
	part, err := os.OpenFile(d.part(), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer part.Close()
	if d.done, err = part.Seek(0, io.SeekEnd); err != nil || d.done >= d.Size {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.patience.stall, func() {
		cancel(errors.Errorf("the server sent nothing for %v", d.patience.stall))
	})
	defer watchdog.Stop()
	err = d.receive(ctx, part, watchdog)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// receive downloads the missing bytes to part. It resets the watchdog whenever bytes arrive.
func (d *download) receive(ctx context.Context, part *os.File, watchdog *time.Timer) error {
	body, first, err := d.request(ctx, d.done)
	if err != nil {
		return err
	}
	defer body.Close()
	if d.done, err = part.Seek(first, io.SeekStart); err != nil {
		return err
	}
	count := func(b []byte) {
		watchdog.Reset(d.patience.stall)
		d.done += int64(len(b))
		d.report(d.done, nil)
	}
	count(nil)
	_, err = io.Copy(io.MultiWriter(part, writerFunc(count)), io.LimitReader(body, d.Size-first))
	if err != nil {
		return err
	}
	if d.done < d.Size {
		return io.ErrUnexpectedEOF
	}
	return part.Sync()
}

// request requests the bytes of the file from start on. body begins at byte first, which is 0 if
// the server sends only complete files.
func (d *download) request(
	ctx context.Context, start int64,
) (body io.ReadCloser, first int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return nil, 0, permanent{err}
	}
	req.Header.Set("Accept-Encoding", "identity") // the checksum is of the unencoded file
	if start > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", start))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the rest of the message is the address
		}
		return nil, 0, err
	}
	code, n, part := resp.StatusCode, resp.ContentLength, resp.Header.Get("Content-Range")
	if code == http.StatusPartialContent {
		if _, err := fmt.Sscanf(part, "bytes %d-", &first); err != nil {
			first = -1
		}
	}
	switch {
	case start > 0 && (code == http.StatusRequestedRangeNotSatisfiable ||
		code == http.StatusPartialContent && first != start):
		resp.Body.Close()
		return d.request(ctx, 0)
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		err = errors.New(resp.Status)
	case code != http.StatusOK && code != http.StatusPartialContent:
		err = permanent{errors.New(resp.Status)}
	case first != start && first != 0:
		err = permanent{errors.Errorf("invalid reply from the server: Content-Range %q, "+
			"want one that begins at byte 0", part)}
	case n >= 0 && first+n != d.Size:
		err = permanent{errors.Errorf("the file has %d bytes, want %d", first+n, d.Size)}
	}
	if err != nil {
		resp.Body.Close()
	}
	return resp.Body, first, err
}

// check renames the file to its final name, or removes it if its checksum is wrong.
func (d *download) check() error {
	part, err := os.Open(d.part())
	if err != nil {
		return err
	}
	defer part.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, part); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != d.SHA256 {
		os.Remove(d.part()) // otherwise the next download would continue it
		return errors.Errorf("the SHA-256 of the file is %s, want %s", sum, d.SHA256)
	}
	return os.Rename(d.part(), d.path)
}

// permanent is an error that another attempt would return too.
type permanent struct{ error }

func temporary(err error) bool {
	var file *fs.PathError // for example a full disk
	return !errors.As(err, &file) && !errors.As(err, &permanent{})
}

// writerFunc is an io.Writer that calls the function with each write.
type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
