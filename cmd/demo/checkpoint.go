package main

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/train"
)

// checkpoint is how far the program has come, and the file that tells it after a crash. The solvers of
// Gorgonia cannot be saved: a run of theirs that was broken off starts again, and ends the same.
type checkpoint struct {
	Settings string // those that every run depends on
	Done     map[runID]result
	Current  map[runID]*train.State // of the runs in progress

	file      string // "" for none
	mu        sync.Mutex
	nextWrite time.Time
}

// A file is this line, a checksum of the rest, and the rest in the gob format.
const checkpointMagic = "l4 demo checkpoint 2\n"

// writeShare limits the time spent on writing states: to one part in so many.
const writeShare = 20

// openCheckpoint reads the file of a run to resume, or makes sure that none is overwritten.
func openCheckpoint(s settings) (*checkpoint, error) {
	c := &checkpoint{Settings: s.fingerprint(), Done: map[runID]result{}, Current: map[runID]*train.State{}, file: s.checkpoint}
	if c.file == "" {
		return c, nil
	}
	data, err := os.ReadFile(c.file)
	switch {
	case os.IsNotExist(err):
		return c, c.flush() // to know now whether it can be written
	case err != nil:
		return nil, err
	case !s.resume:
		return nil, errors.Errorf("%s exists: -resume goes on from it", c.file)
	}
	saved := &checkpoint{Done: c.Done, Current: c.Current, file: c.file}
	if err := saved.decode(data); err != nil {
		return nil, errors.WithMessage(err, c.file)
	}
	if saved.Settings != c.Settings {
		return nil, errors.Errorf("%s was made with other settings: %s", c.file, saved.Settings)
	}
	return saved, nil
}

// fingerprint are the settings that the numbers of a run depend on, apart from what its ID tells.
func (s settings) fingerprint() string {
	return fmt.Sprintf("%s -epochs %d -dtype %s -data %q", s.experiment, s.epochs, s.dtype, s.data)
}

// begin is called before a run. It sets where the run starts and how it saves its state.
func (c *checkpoint) begin(id runID, opts *train.Options) {
	if c.file == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	opts.Resume = c.Current[id]
	opts.Save = func(st *train.State) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		now := *st // the run goes on with st
		c.Current[id] = &now
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

// save is called with the lock held.
func (c *checkpoint) save() error {
	if c.file == "" {
		return nil
	}
	start := time.Now()
	defer func() { c.nextWrite = time.Now().Add((writeShare - 1) * time.Since(start)) }()
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c); err != nil {
		return err
	}
	return figure.WriteFile(c.file, func(w io.Writer) error {
		head := binary.LittleEndian.AppendUint32([]byte(checkpointMagic), crc32.ChecksumIEEE(body.Bytes()))
		if _, err := w.Write(head); err != nil {
			return err
		}
		_, err := w.Write(body.Bytes())
		return err
	})
}

func (c *checkpoint) decode(data []byte) error {
	rest, ok := bytes.CutPrefix(data, []byte(checkpointMagic))
	if !ok || len(rest) < crc32.Size {
		return errors.New("not a checkpoint of this program")
	}
	sum, body := binary.LittleEndian.Uint32(rest), rest[crc32.Size:]
	if crc32.ChecksumIEEE(body) != sum {
		return errors.New("damaged: the checksum does not match")
	}
	return gob.NewDecoder(bytes.NewReader(body)).Decode(c)
}
