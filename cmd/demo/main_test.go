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

	"github.com/l4-go/l4/internal/experiment/train"
)

// smallData writes a data set of 5 by 5 pixels in the files of MNIST: noise around a bright spot that tells
// the class.
func smallData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for part, n := range map[string]int{"train": 200, "t10k": 30} {
		var images, labels bytes.Buffer
		binary.Write(&images, binary.BigEndian, []uint32{0x803, uint32(n), 5, 5})
		binary.Write(&labels, binary.BigEndian, []uint32{0x801, uint32(n)})
		for range n {
			label := r.IntN(10)
			pixels := make([]byte, 25)
			for i := range pixels {
				pixels[i] = byte(r.IntN(60))
			}
			pixels[2*label] = 255
			images.Write(pixels)
			labels.WriteByte(byte(label))
		}
		for name, data := range map[string][]byte{"-images-idx3-ubyte": images.Bytes(), "-labels-idx1-ubyte": labels.Bytes()} {
			if err := os.WriteFile(filepath.Join(dir, part+name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// demo runs the program.
func demo(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(ctx, args, &out, &err)
	return code, out.String(), err.String()
}

// numbers returns the CSV's columns that do not depend on the machine's speed.
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
		code, stdout, stderr := demo(t, context.Background(), "mnist", "--data", data, "--out", out, "--epochs", "3", "--batch", "20", "--restarts", "2", "--jobs", "1",
			"--solvers", "l4adam,l4adam:0.25,l4mom,adam,momentum:0.1,sgd,rmsprop")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, want := range []string{"solver", "in Step", "L4Adam 0.25", "Momentum 0.1", "RMSProp 0.001", "±", "epoch 3/3"} {
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
	code, stdout, stderr := demo(t, context.Background(), "--epochs", "2", "--out", out, "--dtype", "float32", "regression")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"L4Mom 0.25", "SGD 4e-05", "condition number 1e+10", "notebook, condition number 14", "start 5/5"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	if rows := numbers(t, filepath.Join(out, "regression.csv")); len(rows) != 1+2*6*5*2 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
}

// TestFull: -full makes the paper's table, and flags that are given win over it.
func TestFull(t *testing.T) {
	out := t.TempDir()
	code, stdout, stderr := demo(t, context.Background(), "--full", "--epochs", "2", "--restarts", "2", "--data", smallData(t), "--out", out)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"L4Mom 0.25", "Momentum 0.05", "95.7 ± 0.3", "0.35", "start 2/2  epoch 2/2", "epoch 1"} {
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

// TestJobs: runs side by side give the same bits as one after the other.
func TestJobs(t *testing.T) {
	data, dir := smallData(t), t.TempDir()
	for _, jobs := range []string{"1", "4"} {
		code, stdout, stderr := demo(t, context.Background(), "--jobs", jobs, "--out", filepath.Join(dir, jobs), "--data", data,
			"--epochs", "3", "--batch", "10,20", "--restarts", "2", "--solvers", "l4adam,l4mom,adam,sgd:9e5")
		if code != 0 || !strings.Contains(stdout, "batches of 10") || !strings.Contains(stdout, "batches of 20") {
			t.Fatalf("--jobs %s: exit code %d: %s%s", jobs, code, stdout, stderr)
		}
	}
	wantSameNumbers(t, "mnist", filepath.Join(dir, "4"), filepath.Join(dir, "1"))
	if rows := numbers(t, filepath.Join(dir, "1", "mnist.csv")); len(rows) != 1+3*2*2*3 {
		t.Errorf("%d rows in the CSV", len(rows))
	}
}

// TestColors: a solver has its own colour in the figure, alone or beside others.
func TestColors(t *testing.T) {
	data := smallData(t)
	for solvers, both := range map[string]bool{"adam": false, "adam,l4adam": true, "l4adam:0.25,adam": true} {
		out := t.TempDir()
		code, _, stderr := demo(t, context.Background(), "--data", data, "--out", out, "--epochs", "1", "--batch", "20", "--solvers", solvers)
		if code != 0 {
			t.Fatal(stderr)
		}
		svg, err := os.ReadFile(filepath.Join(out, "mnist.svg"))
		if err != nil {
			t.Fatal(err)
		}
		adam, l4adam := strings.Contains(string(svg), "#009E73"), strings.Contains(string(svg), "#0072B2")
		if !adam || l4adam != both {
			t.Errorf("%s: Adam's colour %v, L4Adam's %v", solvers, adam, l4adam)
		}
	}
}

// TestInterrupt: what was finished is written, and the exit code tells that it is not all.
func TestInterrupt(t *testing.T) {
	out := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	stdout := &cancelAt{after: 3, cancel: cancel}
	var stderr bytes.Buffer
	code := run(ctx, []string{"--data", smallData(t), "--out", out, "--epochs", "1000", "--batch", "20"}, stdout, &stderr)
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

// cancelAt cancels after so many writes.
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

// TestMistakes: one clear line, exit code 2, nothing written.
func TestMistakes(t *testing.T) {
	data := smallData(t)
	damaged := smallData(t)
	if err := os.Truncate(filepath.Join(damaged, "train-images-idx3-ubyte"), 1000); err != nil {
		t.Fatal(err)
	}
	occupied := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(occupied, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"--solvers adamw", `no solver "adamw": choose from l4adam, l4mom, adam,`},
		{"--solvers l4adam:x", `"x" is no fraction`},
		{"--solvers adam:-1", `"-1" is no rate`},
		{"--solvers adam:0", `"0" is no rate`},
		{"--solvers adam:1e6", `"1e6" is no rate`},
		{"--solvers l4adam,l4adam:0.15", "twice"},
		{"--solvers ", "no solver"},
		{"--epochs 0", `"--epochs" flag: "0": want a whole number, at least 1`},
		{"--epochs many", "many"},
		{"--restarts -1", `"-1": want a whole number`},
		{"--batch 0", `"0": want a whole number`},
		{"--batch 20,many", `"many": want a whole number`},
		{"--batch 20,10,20", "20 stands there twice"},
		{"--batch 20,201", "--batch 201: want at most 200"},
		{"--jobs 0", "--jobs"},
		{"regression --full", "unknown flag: --full (demo regression --help lists the flags)"},
		{"regression --data .", "unknown flag: --data"},
		{"regression --batch 3", "unknown flag: --batch"},
		{"mnist --tasks notebook", "unknown flag: --tasks"},
		{"regression --tasks note,nothing", `no task "nothing": choose from notebook, log-spaced`},
		{"--grid --solvers l4adam,l4mom", "--grid: no solver"},
		{"--grid --solvers adam:1e-3,adam:1e-2", "name each solver"},
		{"--seed -1", "-1"},
		{"--resume", "--checkpoint"},
		{"--dtype float16", `"float16": want float32 or float64`},
		{"--nonsense", "unknown flag: --nonsense (demo --help lists the flags)"},
		{"-epochs 3", "flags have two dashes"},
		{"mnits", `no experiment "mnits": choose from mnist, regression`},
		{"mnist more", "more"},
		{"--data " + filepath.Join(data, "nowhere"), "nowhere"},
		{"--data " + damaged, "train-images-idx3-ubyte: ends after"},
		{"--out " + occupied, "--out: mkdir " + occupied},
		{"--out " + filepath.Join(occupied, "below"), occupied},
	} {
		out := filepath.Join(t.TempDir(), "out")
		args := strings.Split(c.args, " ")
		if strings.Contains(c.args, "--") {
			if !strings.Contains(c.args, "--out") {
				args = append(args, "--out", out)
			}
			if !strings.Contains(c.args, "--data") && args[0] != "regression" {
				args = append(args, "--data", data)
			}
		}
		code, stdout, stderr := demo(t, context.Background(), args...)
		if code != exitUsage || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%s: exit code %d, output %q, error %q, want %q", c.args, code, stdout, stderr, c.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: the output folder has been made", c.args)
		}
	}
}

// TestDivergence: a run that diverges, even in its first epoch, is a row of the table beside the others.
func TestDivergence(t *testing.T) {
	for _, solvers := range []string{"sgd:9e5,l4adam", "l4adam,sgd:9e5"} {
		out := t.TempDir()
		code, stdout, stderr := demo(t, context.Background(), "--data", smallData(t), "--out", out, "--epochs", "2", "--batch", "20", "--solvers", solvers)
		if code != 0 || !strings.Contains(stdout, "SGD 900000 (1 of 1 ended early)") || !strings.Contains(stdout, "Wrote") {
			t.Errorf("%s: exit code %d: %s%s", solvers, code, stdout, stderr)
		}
		if rows := numbers(t, filepath.Join(out, "mnist.csv")); len(rows) != 3 {
			t.Errorf("%s: %d rows", solvers, len(rows))
		}
	}
}

// TestUnwritableOut is found before the training: a file that cannot be replaced, a folder without room
// for files.
func TestUnwritableOut(t *testing.T) {
	data, occupied := smallData(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, "mnist.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	outs := map[string]string{occupied: "mnist.csv is a folder"}
	if runtime.GOOS == "linux" {
		outs["/proc/self"] = "cannot write /proc/self/mnist.png" // not even for root
	}
	for out, want := range outs {
		code, stdout, stderr := demo(t, context.Background(), "--data", data, "--epochs", "1", "--batch", "20", "--out", out)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d: %s%s", out, code, stdout, stderr)
		}
	}
	if files, _ := os.ReadDir(occupied); len(files) != 1 {
		t.Errorf("left over: %v", files)
	}
}

// TestUnwritableCheckpoint is found before the training.
func TestUnwritableCheckpoint(t *testing.T) {
	code, stdout, stderr := demo(t, context.Background(), "--data", smallData(t), "--out", t.TempDir(), "--checkpoint", filepath.Join(t.TempDir(), "no", "file"))
	if code != exitUsage || strings.Contains(stdout, "epoch") || !strings.Contains(stderr, filepath.Join("no", "file")) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestHelp: the help of each command names the solvers and the flags that it takes, with their defaults.
func TestHelp(t *testing.T) {
	for args, c := range map[string]struct{ has, hasNot []string }{
		"--help": {[]string{"mnist ", "regression ", "completion ", "--epochs number     number of epochs (default 4)"}, nil},
		"mnist --help": {
			[]string{"--epochs number     number of epochs (default 4)", "--full", "--data", "--grid", "(default 64)",
				"(default l4adam,adam)", "(default float32)"},
			[]string{"--tasks"},
		},
		"regression -h": {
			[]string{"(default 300)", "--grid", "--tasks", "  log-spaced\n", "(default float64)"},
			[]string{"--full", "--data", "--batch"},
		},
	} {
		code, stdout, stderr := demo(t, context.Background(), strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d: %s", args, code, stderr)
		}
		if args != "--help" {
			for _, k := range train.Kinds {
				c.has = append(c.has, "\n  "+k.Name+" ")
			}
		}
		for _, want := range c.has {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is not in the help:\n%s", args, want, stdout)
			}
		}
		for _, not := range c.hasNot {
			if strings.Contains(stdout, not) {
				t.Errorf("%s: %q is in the help", args, not)
			}
		}
		for _, line := range strings.Split(stdout, "\n") {
			if n := len([]rune(line)); n > 100 {
				t.Errorf("%s: a line of %d columns: %s", args, n, line)
			}
		}
	}
}

// TestCompletion asks for what a shell would offer.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"re":                            "regression",
		"mnist --solvers l4adam,mom":    "l4adam,momentum",
		"mnist --dtype float3":          "float32",
		"regression --tasks notebook,l": "notebook,log-spaced",
		"mnist --check":                 "--checkpoint",
	} {
		_, stdout, _ := demo(t, context.Background(), append([]string{"__complete"}, strings.Fields(args)...)...)
		if !strings.Contains(stdout, want) {
			t.Errorf("%s: %q is not offered:\n%s", args, want, stdout)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, _ := demo(t, context.Background(), "completion", shell); code != 0 || !strings.Contains(stdout, "demo") {
			t.Errorf("%s: exit code %d", shell, code)
		}
	}
}
