package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestDraw: the figure of a CSV file has the same bytes as the figure of the experiment that wrote
// the CSV file.
func TestDraw(t *testing.T) {
	for name, args := range map[string]string{
		"mnist": "mnist --epochs 3 --batch 20,40 --seeds 2 --seed 0 --solvers l4adam,adam:0.1 " +
			"--data " + smallData(t),
		"regression": "regression --epochs 4 --seeds 1 --solvers l4mom,sgd:4e-5",
	} {
		out, again := t.TempDir(), filepath.Join(t.TempDir(), "new")
		succeed(t, args, "--out", out)
		csv := filepath.Join(out, name+"-again.csv")
		if err := os.Rename(filepath.Join(out, name+".csv"), csv); err != nil {
			t.Fatal(err)
		}
		succeed(t, "draw --out", again, csv)
		want := readFile(t, filepath.Join(out, name+".png"))
		if got := readFile(t, filepath.Join(again, name+"-again.png")); !bytes.Equal(got, want) {
			t.Errorf("%s: another figure", name)
		}
	}
}

// goodCSV is a CSV file with one epoch.
const goodCSV = "variant,solver,value,seed,epoch,loss,last_loss,learn_rate,test_accuracy," +
	"seconds,step_seconds,step,title\nbatch 64,l4adam,0.15,1,1,0.5,0.4,0.01,0.9,1,1,937,MNIST\n"

func TestDrawRejects(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"other.csv": {goodCSV, `begins with "other", which is not an experiment`},
		"mnist.csv": {goodCSV + "x", "mnist.csv: record on line 3: wrong number of fields"},
	} {
		path := filepath.Join(t.TempDir(), name)
		writeFile(t, path, []byte(c.text))
		wantMistake(t, c.want, "draw", path)
	}
	folder := filepath.Join(t.TempDir(), "mnist.csv")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	wantMistake(t, "not a regular file", "draw", folder)
	wantMistake(t, "requires at least 1 arg", "draw")
}
