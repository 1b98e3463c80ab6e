package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDraw: the figure of a CSV is that of the experiment that wrote it, to the byte.
func TestDraw(t *testing.T) {
	for name, args := range map[string]string{
		"mnist": "mnist --epochs 3 --batch 20,40 --restarts 2 --seed 0 --solvers l4adam,adam:0.1 " +
			"--data " + smallData(t),
		"regression": "regression --epochs 4 --restarts 1 --solvers l4mom,sgd:4e-5",
	} {
		out, again := t.TempDir(), filepath.Join(t.TempDir(), "new")
		if code, _, stderr := demo(t, args, "--out", out); code != 0 {
			t.Fatalf("%s: exit code %d: %s", name, code, stderr)
		}
		csv := filepath.Join(out, name+"-again.csv")
		if err := os.Rename(filepath.Join(out, name+".csv"), csv); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := demo(t, "draw --out", again, csv); code != 0 {
			t.Fatalf("%s: exit code %d: %s", name, code, stderr)
		}
		var images [2][]byte
		for i, path := range []string{
			filepath.Join(out, name+".png"), filepath.Join(again, name+"-again.png"),
		} {
			var err error
			if images[i], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(images[0], images[1]) {
			t.Errorf("%s: another figure", name)
		}
	}
}

const goodRow = "batch 64,l4adam,0.15,1,1,0.5,0.4,0.01,0.9,1,1,937,MNIST\n"

func TestDrawRefuses(t *testing.T) {
	header := strings.Join(columns, ",") + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"other.csv", header + goodRow, `no experiment "other"`},
		{"mnist.csv", "", "want rows"},
		{"mnist.csv", header, "want rows"},
		{"mnist.csv", "a,b\n1,2\n", "want rows"},
		{"mnist.csv", header + goodRow + goodRow, "row 3: epoch 1, want 2"},
		{"mnist.csv", header + strings.Replace(goodRow, "l4adam", "l5", 1), `no solver "l5"`},
		{"mnist.csv", header + strings.Replace(goodRow, "0.5", "NaN", 1), "loss"},
		{"mnist.csv", header + strings.Replace(goodRow, "0.9", "1.1", 1), "test_accuracy"},
		{"mnist.csv", header + strings.Replace(goodRow, ",1,1,", ",1,0,", 1), "epoch"},
		{"mnist.csv", header + strings.Replace(goodRow, "937", "x", 1), "step"},
		{"mnist.csv", header + goodRow[:20], "wrong number of fields"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		writeFile(t, path, []byte(c.text))
		code, _, stderr := demo(t, "draw --out", t.TempDir(), path)
		if code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit code %d, %q, want %q in it", c.text, code, stderr, c.want)
		}
	}
	folder := filepath.Join(t.TempDir(), "mnist.csv")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := demo(t, "draw", folder); !strings.Contains(stderr, "not a regular file") {
		t.Errorf("a folder: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := demo(t, "draw"); code == 0 {
		t.Errorf("no file: exit code %d, %q", code, stderr)
	}
}

// FuzzReadCSV: no file makes a panic, and what is read can be drawn.
func FuzzReadCSV(f *testing.F) {
	header := strings.Join(columns, ",") + "\n"
	f.Add(header + goodRow)
	f.Add(header + goodRow + strings.Replace(goodRow, ",1,1,", ",3,1,", 1))
	f.Add(header)
	f.Fuzz(func(t *testing.T, text string) {
		if j, err := readCSV(strings.NewReader(text)); err == nil && len(j.runs) < 100 {
			j.experiment = mnist()
			for _, row := range j.panels() {
				if len(row) != len(j.experiment.measures) {
					t.Errorf("%d panels", len(row))
				}
			}
		}
	})
}
