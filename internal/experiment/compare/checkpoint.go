package compare

import (
	"bytes"
	"encoding/gob"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/record"
)

// Checkpoint is the progress of a comparison and the file that it is saved to. The states of
// Gorgonia's solvers cannot be saved: an interrupted run with such a solver starts again and ends
// with the same numbers.
type Checkpoint struct {
	Settings string // the settings that every run depends on
	Done     map[Run]Result
	Current  map[Run]State // the runs in progress

	file      string // "" if there is no file
	unlock    func()
	mu        sync.Mutex
	nextWrite time.Time
}

// checkpointFormat is the format of the file. Its content is the progress, encoded by package gob.
var checkpointFormat = record.Format{Magic: "l4 demo checkpoint\n", Version: 4}

// maxCheckpoint is the size limit of a checkpoint. Package gob does not write or read more.
const maxCheckpoint = 8 << 30

// writeShare limits the time spent on writing states to 1/20 of the total.
const writeShare = 20

// OpenCheckpoint locks the file and, with resume, reads it. Without resume an existing file is an
// error; it is never overwritten. With an empty name the checkpoint has no file.
func OpenCheckpoint(file, settings string, resume bool) (*Checkpoint, error) {
	c := &Checkpoint{
		Settings: settings, file: file,
		Done: map[Run]Result{}, Current: map[Run]State{}, unlock: func() {},
	}
	if file == "" {
		return c, nil
	}
	var err error
	if c.unlock, err = lock(file, "the file "+file); err != nil {
		return nil, err
	}
	if err := c.load(resume); err != nil {
		c.Close()
		return nil, errors.WithMessage(err, file)
	}
	return c, nil
}

// Close allows other programs to use the file.
func (c *Checkpoint) Close() { c.unlock() }

// load reads the file, or creates it if it does not exist.
func (c *Checkpoint) load(resume bool) error {
	if err := removeLeftovers(c.file); err != nil {
		return err
	}
	f, err := figure.Open(c.file)
	if os.IsNotExist(err) {
		return c.flush() // reports now if the file cannot be written
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if !resume {
		return errors.New("the file exists: resume it with --resume, or name another file")
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > maxCheckpoint {
		return errors.Errorf("the file has %d bytes, want at most %d: name another file", n,
			int64(maxCheckpoint))
	}
	if err := checkpointFormat.Check(f, info.Size()); err != nil {
		return errors.Errorf("the file is not an intact checkpoint (%v): name another file", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return c.Decode(data)
}

// begin is called before a run. It sets the state to resume, and the function that saves states.
func (c *Checkpoint) begin(r Run, opts *Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st, ok := c.Current[r]; ok {
		opts.Resume = &st
	}
	if c.file == "" {
		return
	}
	opts.Save = func(st State) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.Current[r] = st
		if time.Now().Before(c.nextWrite) {
			return nil
		}
		return c.save()
	}
}

// saveResult is called after a run.
func (c *Checkpoint) saveResult(r Result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Done[r.Run] = r
	delete(c.Current, r.Run)
	return c.save()
}

// flush writes the file with the latest states.
func (c *Checkpoint) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.save()
}

// save writes the file. The caller holds mu.
func (c *Checkpoint) save() error {
	if c.file == "" {
		return nil
	}
	start := time.Now()
	defer func() { c.nextWrite = time.Now().Add((writeShare - 1) * time.Since(start)) }()
	data, err := c.Encode()
	if err != nil {
		return err
	}
	return figure.WriteFile(c.file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Encode returns the content of the file.
func (c *Checkpoint) Encode() ([]byte, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c); err != nil {
		return nil, err
	}
	return checkpointFormat.Write(func(f *record.Codec) error {
		f.Bytes(body.Bytes())
		return nil
	})
}

// Decode sets the progress to the content of a file. Other settings in the file are an error.
func (c *Checkpoint) Decode(data []byte) error {
	want := c.Settings
	err := checkpointFormat.Read(data, func(f *record.Codec) error {
		body := f.Bytes(nil)
		if f.Err() != nil {
			return f.Err()
		}
		c.Settings = "" // gob does not set a field that is missing in its data
		return gob.NewDecoder(bytes.NewReader(body)).Decode(c)
	})
	if err != nil {
		return err
	}
	if c.Settings != want {
		return errors.Errorf("the checkpoint was saved with the settings %s, but these are %s: "+
			"use the same settings, or name another file", c.Settings, want)
	}
	return nil
}
