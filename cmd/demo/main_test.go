package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

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

// demo runs the program. Its arguments are split at spaces.
func demo(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(context.Background(), dist.SingleProcess(), fields(args...), &out, &err)
	return code, out.String(), err.String()
}

func fields(args ...string) []string { return strings.Fields(strings.Join(args, " ")) }

// numbers returns the columns of a CSV file that do not depend on the speed of the machine.
func numbers(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		rows[i] = rows[i][:9]
	}
	return rows
}

func TestDemo(t *testing.T) {
	data := smallData(t)
	var first [][]string
	for range 2 {
		out := filepath.Join(t.TempDir(), "new", "folder")
		code, stdout, stderr := demo(t, "mnist --data", data, "--out", out,
			"--epochs 3 --batch 20 --seeds 2 --jobs 1",
			"--solvers l4adam,l4adam:0.25,l4mom,adam,momentum:0.1,sgd,rmsprop")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, want := range []string{"solver", "in Step", "L4Adam 0.25", "Momentum 0.1",
			"RMSProp 0.001", "±", "epoch 3/3"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is not in the output:\n%s", want, stdout)
			}
		}
		for _, name := range []string{"mnist.png", "mnist.svg", "mnist.csv"} {
			if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		rows := numbers(t, filepath.Join(out, "mnist.csv"))
		if want := 1 + 7*2*3; len(rows) != want {
			t.Errorf("%d rows in the CSV, want %d", len(rows), want)
		}
		if first == nil {
			first = rows
			continue
		}
		for i := range rows {
			if got, want := strings.Join(rows[i], ","), strings.Join(first[i], ","); got != want {
				t.Errorf("row %d is %s in the second run, %s in the first", i, got, want)
			}
		}
	}
}

func TestDemoRegression(t *testing.T) {
	out := t.TempDir()
	code, stdout, stderr := demo(t, "--epochs 2 --out", out, "--dtype float32 regression")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"L4Mom 0.25", "SGD 4e-05", "condition number 1e+10",
		"notebook, condition number 14", "seed 5/5"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	if rows := numbers(t, filepath.Join(out, "regression.csv")); len(rows) != 1+2*6*5*2 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
}

// TestFull: --full makes the paper's table, and given flags override it. With several runs at the
// same time the table has no times, on any number of cores.
func TestFull(t *testing.T) {
	out := t.TempDir()
	code, stdout, stderr := demo(t, "--full --epochs 2 --seeds 2 --jobs 2 --out", out, "--data",
		smallData(t))
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"L4Mom 0.25", "Momentum 0.05", "95.7 ± 0.3", "0.35",
		"seed 2/2  epoch 2/2", "epoch 1"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	for _, not := range []string{"in Step", "epoch 10"} {
		if strings.Contains(stdout, not) {
			t.Errorf("%q is in the output:\n%s", not, stdout)
		}
	}
	if rows := numbers(t, filepath.Join(out, "mnist.csv")); len(rows) != 1+6*2*2 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
}

// TestJobs: runs at the same time have the same bits as runs one after the other.
func TestJobs(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	for _, jobs := range []string{"1", "4"} {
		code, stdout, stderr := demo(t, "--jobs", jobs, "--out", filepath.Join(dir, jobs),
			"--data", data, "--epochs 3 --batch 10,20 --seeds 2",
			"--solvers l4adam,l4mom,adam,sgd:9e5")
		if code != 0 || !strings.Contains(stdout, "batches of 10") ||
			!strings.Contains(stdout, "batches of 20") {
			t.Fatalf("--jobs %s: exit code %d: %s%s", jobs, code, stdout, stderr)
		}
	}
	wantSameNumbers(t, "mnist", filepath.Join(dir, "4"), filepath.Join(dir, "1"))
	if rows := numbers(t, filepath.Join(dir, "1", "mnist.csv")); len(rows) != 1+3*2*2*3 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
}

// TestColors: a solver has the same colour in every figure.
func TestColors(t *testing.T) {
	data := smallData(t)
	cases := map[string]bool{"adam": false, "adam,l4adam": true, "l4adam:0.25,adam": true}
	for solvers, both := range cases {
		out := t.TempDir()
		code, _, stderr := demo(t, "--data", data, "--out", out, "--epochs 1 --batch 20 --solvers",
			solvers)
		if code != 0 {
			t.Fatal(stderr)
		}
		svg, err := os.ReadFile(filepath.Join(out, "mnist.svg"))
		if err != nil {
			t.Fatal(err)
		}
		adam := strings.Contains(string(svg), "#009E73")
		l4adam := strings.Contains(string(svg), "#0072B2")
		if !adam || l4adam != both {
			t.Errorf("%s: Adam's colour %v, L4Adam's %v", solvers, adam, l4adam)
		}
	}
}

// TestInterrupt: an interrupted comparison writes the results so far and has its own exit code.
func TestInterrupt(t *testing.T) {
	out := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	stdout := &cancelAt{after: 3, cancel: cancel}
	var stderr bytes.Buffer
	args := fields("--data", smallData(t), "--out", out, "--epochs 1000 --batch 20")
	code := run(ctx, dist.SingleProcess(), args, stdout, &stderr)
	if code != exitInterrupted || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if rows := numbers(t, filepath.Join(out, "mnist.csv")); len(rows) < 3 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
	for _, name := range []string{"mnist.png", "mnist.svg"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
}

// cancelAt cancels after a number of writes.
type cancelAt struct {
	bytes.Buffer
	after  int
	cancel func()
}

func (c *cancelAt) Write(p []byte) (int, error) {
	if c.after--; c.after == 0 {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

// TestDivergence: the table has a row for a run that diverges, even in its first epoch.
func TestDivergence(t *testing.T) {
	for _, solvers := range []string{"sgd:9e5,l4adam", "l4adam,sgd:9e5"} {
		out := t.TempDir()
		code, stdout, stderr := demo(t, "--data", smallData(t), "--out", out,
			"--epochs 2 --batch 20 --solvers", solvers)
		row := strings.Contains(stdout, "SGD 900000 (1 of 1 ended early)")
		if code != 0 || !row || !strings.Contains(stdout, "Wrote") {
			t.Errorf("%s: exit code %d: %s%s", solvers, code, stdout, stderr)
		}
		if rows := numbers(t, filepath.Join(out, "mnist.csv")); len(rows) != 3 {
			t.Errorf("%s: %d rows", solvers, len(rows))
		}
	}
}

// TestUnwritableOut: a file that cannot be replaced and a folder that cannot be written are
// reported before the training.
func TestUnwritableOut(t *testing.T) {
	data, occupied := smallData(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, "mnist.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	outs := map[string]string{occupied: "mnist.csv is a folder"}
	if runtime.GOOS == "linux" {
		outs["/proc/self"] = "cannot lock the folder /proc/self" // not even for root
	}
	for out, want := range outs {
		code, stdout, stderr := demo(t, "--data", data, "--epochs 1 --batch 20 --out", out)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d: %s%s", out, code, stdout, stderr)
		}
	}
	if files, _ := os.ReadDir(occupied); len(files) != 1 {
		t.Errorf("left over: %v", files)
	}
}

// TestUnwritableCheckpoint: a checkpoint that cannot be written is reported before the training.
func TestUnwritableCheckpoint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no", "file")
	code, stdout, stderr := demo(t, "--data", smallData(t), "--out", t.TempDir(), "--checkpoint",
		file)
	if code != exitUsage || stdout != "" || !strings.Contains(stderr, file) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
