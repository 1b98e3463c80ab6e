package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/l4-go/l4/dist"
)

// smallData writes a data set of 5 by 5 pixels.
func smallData(t *testing.T) string { return noisyData(t, 5) }

// noisyData writes a data set of square images in the files of MNIST: noise around a bright spot
// that shows the class.
func noisyData(t *testing.T, side int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for part, n := range map[string]int{"train": 200, "t10k": 30} {
		var images, labels bytes.Buffer
		header := []uint32{0x803, uint32(n), uint32(side), uint32(side)}
		binary.Write(&images, binary.BigEndian, header)
		binary.Write(&labels, binary.BigEndian, []uint32{0x801, uint32(n)})
		for range n {
			label := r.IntN(10)
			pixels := make([]byte, side*side)
			for i := range pixels {
				pixels[i] = byte(r.IntN(60))
			}
			pixels[2*label] = 255
			images.Write(pixels)
			labels.WriteByte(byte(label))
		}
		writeFile(t, filepath.Join(dir, part+"-images-idx3-ubyte"), images.Bytes())
		writeFile(t, filepath.Join(dir, part+"-labels-idx1-ubyte"), labels.Bytes())
	}
	return dir
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// filesOf returns the names of the files in a folder.
func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fields splits arguments at spaces.
func fields(args ...string) []string { return strings.Fields(strings.Join(args, " ")) }

// rank has the exit code and the output of a rank.
type rank struct {
	code           int
	stdout, stderr string
}

// onWrite calls a function at each write.
type onWrite struct {
	bytes.Buffer
	then func()
}

func (o *onWrite) Write(p []byte) (int, error) {
	o.then()
	return o.Buffer.Write(p)
}

// start runs the program on n ranks. Its arguments are split at spaces. ctx is the context of the
// last rank. Before rank 0 prints, it calls written.
func start(t *testing.T, n int, ctx context.Context, written func(), args ...string) []rank {
	t.Helper()
	ranks := make([]rank, n)
	var running sync.WaitGroup
	for r, e := range dist.Local(n) {
		running.Go(func() {
			world, err := dist.New(e)
			if err != nil {
				t.Error(err)
				return
			}
			world.Timeout = time.Minute
			ctx, stdout, stderr := ctx, &onWrite{then: written}, new(bytes.Buffer)
			if r < n-1 {
				ctx = context.Background()
			}
			ranks[r].code = run(ctx, world, fields(args...), stdout, stderr)
			ranks[r].stdout, ranks[r].stderr = stdout.String(), stderr.String()
			if err := world.Finalize(); err != nil {
				t.Errorf("rank %d: %v", r, err)
			}
		})
	}
	running.Wait()
	return ranks
}

// onRanks runs the program on n ranks.
func onRanks(t *testing.T, n int, args ...string) []rank {
	t.Helper()
	return start(t, n, context.Background(), func() {}, args...)
}

// demo runs the program.
func demo(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	r := onRanks(t, 1, args...)[0]
	return r.code, r.stdout, r.stderr
}

// succeed runs the program, and ends the test if the program fails. It returns the output.
func succeed(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := demo(t, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("%s: exit code %d: %s", args, code, stderr)
	}
	return stdout
}

// interrupted runs the program with a context that is done.
func interrupted(t *testing.T, args ...string) rank {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return start(t, 1, ctx, func() {}, args...)[0]
}

// interruptAndResume interrupts the last of n ranks after a few lines, resumes the program from its
// checkpoint, and so on until the program ends. It returns the output of rank 0 in each run.
func interruptAndResume(t *testing.T, n int, args ...string) (outputs []string) {
	t.Helper()
	args = append(args, "--resume --checkpoint", filepath.Join(t.TempDir(), "checkpoint"))
	for after := 2; ; after += 3 {
		ctx, cancel := context.WithCancel(context.Background())
		lines := 0
		ranks := start(t, n, ctx, func() {
			if lines++; lines == after {
				cancel()
			}
		}, args...)
		cancel()
		outputs = append(outputs, ranks[0].stdout)
		for r, k := range ranks {
			if k.code != ranks[0].code || k.code != 0 && k.code != exitInterrupted {
				t.Fatalf("rank %d: exit code %d, rank 0: %d: %s%s", r, k.code, ranks[0].code,
					k.stderr, ranks[0].stderr)
			}
		}
		if ranks[0].code == 0 {
			break
		}
	}
	if len(outputs) == 1 {
		t.Error("nothing was interrupted")
	}
	return outputs
}

// wantMistake runs the program with a mistake of the user. The program reports the mistake in one
// line with exit code 2, and does not create the output folder.
func wantMistake(t *testing.T, want string, args ...string) {
	t.Helper()
	line, out := strings.Join(args, " "), filepath.Join(t.TempDir(), "out")
	if !strings.Contains(line, "--out") {
		args = append(args, "--out", out)
	}
	code, stdout, stderr := demo(t, args...)
	oneLine := strings.Count(stderr, "\n") == 1
	if code != exitUsage || !oneLine || !strings.Contains(stderr, want) || stdout != "" {
		t.Errorf("%s: exit code %d, output %q, error %q, want %q", line, code, stdout, stderr, want)
	}
	if _, err := os.Stat(out); err == nil {
		t.Errorf("%s: the output folder has been made", line)
	}
}

// wantIn checks that a text contains all parts.
func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, want := range parts {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the output:\n%s", want, text)
		}
	}
}

// wantNotIn checks that a text does not contain any of the parts.
func wantNotIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, not := range parts {
		if strings.Contains(text, not) {
			t.Errorf("%q is in the output:\n%s", not, text)
		}
	}
}

// wantFiles checks that files of a folder exist and are not empty.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// numbers returns the rows of a CSV file below its header, without the columns that depend on the
// speed of the machine. It checks the number of rows.
func numbers(t *testing.T, path string, want int) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(readFile(t, path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	if len(rows) != want {
		t.Fatalf("%s has %d rows, want %d", path, len(rows), want)
	}
	for i := range rows {
		rows[i] = rows[i][:9]
	}
	return rows
}

// wantSameNumbers compares two CSV files with a number of rows, except for the times.
func wantSameNumbers(t *testing.T, got, want string, rows int) {
	t.Helper()
	g, w := numbers(t, got, rows), numbers(t, want, rows)
	for i := range w {
		if a, b := strings.Join(g[i], ","), strings.Join(w[i], ","); a != b {
			t.Fatalf("row %d is %s, want %s", i, a, b)
		}
	}
}
