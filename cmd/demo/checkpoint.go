package main

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/pkg/errors"

	"github.com/l4-go/l4/internal/figure"
	"github.com/l4-go/l4/internal/train"
)

// checkpoint is how far the program has come, and the file that tells it after a crash. The solvers of
// Gorgonia cannot be saved: a run of theirs that was broken off starts again, and ends the same.
type checkpoint struct {
	Settings string // those that the results depend on
	Done     []result
	Current  *train.State // of the run after those; nil at its start

	file string // "" for none
}

// A file is this line, a checksum of the rest, and the rest in the gob format.
const checkpointMagic = "l4 demo checkpoint 1\n"

// openCheckpoint reads the file of a run to resume, or makes sure that none is overwritten.
func openCheckpoint(s settings) (*checkpoint, error) {
	c := &checkpoint{Settings: s.fingerprint(), file: s.checkpoint}
	if c.file == "" {
		return c, nil
	}
	data, err := os.ReadFile(c.file)
	switch {
	case os.IsNotExist(err):
		return c, c.save() // to know now whether it can be written
	case err != nil:
		return nil, err
	case !s.resume:
		return nil, errors.Errorf("%s exists: -resume goes on from it", c.file)
	}
	saved := &checkpoint{file: c.file}
	if err := saved.decode(data); err != nil {
		return nil, errors.WithMessage(err, c.file)
	}
	if saved.Settings != c.Settings {
		return nil, errors.Errorf("%s was made with other settings: %s", c.file, saved.Settings)
	}
	return saved, nil
}

// fingerprint are the settings that the numbers depend on.
func (s settings) fingerprint() string {
	return fmt.Sprintf("%s -solvers %v -epochs %d -batch %d -seed %d -restarts %d -dtype %s -data %q",
		s.experiment, &s.solvers, s.epochs, s.batch, s.seed, s.restarts, s.dtype, s.data)
}

// saveRun is called by a run for its state.
func (c *checkpoint) saveRun(st *train.State) error {
	c.Current = st
	return c.save()
}

// saveResult is called after a run.
func (c *checkpoint) saveResult(r result) error {
	c.Done, c.Current = append(c.Done, r), nil
	return c.save()
}

func (c *checkpoint) save() error {
	if c.file == "" {
		return nil
	}
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
