package main

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// checkpoint is the progress of the program, and the file that keeps it for a resumed one.
// Gorgonia's solvers cannot be saved: a run of theirs that was interrupted starts again, and ends
// with the same numbers.
type checkpoint struct {
	Settings string // that every run depends on
	Done     map[runID]result
	Current  map[runID]train.State // of the runs in progress

	file      string // "" for none
	unlock    func()
	mu        sync.Mutex
	nextWrite time.Time
}

// A file is this line, a checksum of the rest, and the rest in the gob format.
const checkpointMagic = "l4 demo checkpoint 3\n"

// maxCheckpoint is the size of the largest checkpoint: package gob neither writes nor reads more.
const maxCheckpoint = 8 << 30

// writeShare limits the time spent on writing states to one part in so many.
const writeShare = 20

// openCheckpoint locks the file and reads it if it is to be resumed. It overwrites no file that is
// not.
func openCheckpoint(s settings) (*checkpoint, error) {
	c := &checkpoint{
		Settings: s.fingerprint, file: s.checkpoint,
		Done: map[runID]result{}, Current: map[runID]train.State{}, unlock: func() {},
	}
	if c.file == "" {
		return c, nil
	}
	var err error
	if c.unlock, err = takeLock(c.file, "the file "+c.file); err != nil {
		return nil, errors.WithMessage(err, "--checkpoint")
	}
	if err := c.load(s.resume); err != nil {
		c.close()
		return nil, errors.WithMessagef(err, "--checkpoint %s", c.file)
	}
	return c, nil
}

// close lets other programs use the file.
func (c *checkpoint) close() { c.unlock() }

// load reads the file, or makes it if there is none. It is called with the file locked.
func (c *checkpoint) load(resume bool) error {
	if err := removeLeftovers(c.file); err != nil {
		return err
	}
	f, err := figure.Open(c.file)
	if os.IsNotExist(err) {
		return c.flush() // to know now whether it can be written
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if !resume {
		return errors.New("the file exists: go on from it with --resume, or name another file")
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > maxCheckpoint {
		return errors.Errorf("it has %d bytes, want at most %d: name another file", n,
			int64(maxCheckpoint))
	}
	return c.decode(f)
}

// begin is called before a run. It sets where the run starts and how it saves its state.
func (c *checkpoint) begin(id runID, opts *train.Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st, ok := c.Current[id]; ok {
		opts.Resume = &st
	}
	if c.file == "" {
		return
	}
	opts.Save = func(st train.State) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.Current[id] = st
		if time.Now().Before(c.nextWrite) {
			return nil
		}
		return c.save()
	}
}

// saveResult is called after a run.
func (c *checkpoint) saveResult(r result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Done[r.Run] = r
	delete(c.Current, r.Run)
	return c.save()
}

// flush writes what has not been written.
func (c *checkpoint) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.save()
}

// save is called with mu held.
func (c *checkpoint) save() error {
	if c.file == "" {
		return nil
	}
	start := time.Now()
	defer func() { c.nextWrite = time.Now().Add((writeShare - 1) * time.Since(start)) }()
	data, err := c.encode()
	if err != nil {
		return err
	}
	return figure.WriteFile(c.file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func (c *checkpoint) encode() ([]byte, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c); err != nil {
		return nil, err
	}
	sum := crc32.ChecksumIEEE(body.Bytes())
	data := binary.LittleEndian.AppendUint32([]byte(checkpointMagic), sum)
	return append(data, body.Bytes()...), nil
}

// decode takes over what encode has returned, if it is of the same settings. The body is decoded
// only if its checksum is right, so that a large file of another kind takes no memory.
func (c *checkpoint) decode(r io.ReadSeeker) error {
	const size = len(checkpointMagic) + crc32.Size
	head, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return err
	}
	sum, ok := bytes.CutPrefix(head, []byte(checkpointMagic))
	if !ok || len(head) < size {
		return errors.New("it is not a checkpoint of this program: name another file")
	}
	hash := crc32.NewIEEE()
	if _, err := io.Copy(hash, r); err != nil {
		return err
	}
	if hash.Sum32() != binary.LittleEndian.Uint32(sum) {
		return errors.New("it is damaged, its checksum does not match: name another file")
	}
	if _, err := r.Seek(int64(size), io.SeekStart); err != nil {
		return err
	}
	want := c.Settings
	c.Settings = "" // gob leaves what it does not find
	if err := gob.NewDecoder(r).Decode(c); err != nil {
		return err
	}
	if c.Settings != want {
		return errors.Errorf("it is of other settings, %s: repeat them, or name another file",
			c.Settings)
	}
	return nil
}
