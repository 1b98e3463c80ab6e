package compare

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	goodHeader = "variant,solver,value,seed,epoch,loss,last_loss,learn_rate,test_accuracy," +
		"seconds,step_seconds,step,title\n"
	goodRow = "batch 64,l4adam,0.15,1,1,0.5,0.4,0.01,0.9,1,1,937,MNIST\n"
)

// TestReadCSV: ReadCSV returns the tasks, solvers, seeds and epochs that WriteCSV wrote.
func TestReadCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.csv")
	adam, dog := choice("adam:0.1"), choice("dog")
	c := &Comparison{
		Tasks: []Task{
			{Name: "a", Title: "A", Epochs: 2, EpochSteps: 7, Solvers: Choices{adam, dog}},
			{Name: "b", Title: "B, too", Epochs: 1, EpochSteps: 3, Solvers: Choices{dog}},
		},
		Seeds: []uint64{5, 6}, results: map[Run]Result{},
	}
	for _, seed := range c.Seeds {
		for _, task := range c.Tasks {
			for _, s := range task.Solvers {
				r := Run{task.Name, s, seed}
				c.runs = append(c.runs, r)
				result := Result{Run: r}
				for n := 1; n <= task.Epochs; n++ {
					x := float64(n) / float64(seed)
					result.Epochs = append(result.Epochs, Epoch{
						Number: n, Loss: x, LastLoss: 2 * x, LearnRate: 3 * x, Metric: x / 4,
						Time: 1234567, StepTime: 12345,
					})
				}
				c.results[r] = result
			}
		}
	}
	if err := c.WriteCSV(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := ReadCSV(f); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v, want %+v", got, err, c)
	}
}

// TestReadCSVWithoutMetric: an empty cell means that the metric is missing.
func TestReadCSVWithoutMetric(t *testing.T) {
	text := goodHeader + strings.Replace(goodRow, ",0.9,", ",,", 1)
	c, err := ReadCSV(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Results(c.Tasks[0], c.Tasks[0].Solvers[0]); !math.IsNaN(r[0].Epochs[0].Metric) {
		t.Errorf("%+v", r)
	}
}

func TestReadCSVRejects(t *testing.T) {
	for text, want := range map[string]string{
		goodHeader:                     "no rows",
		"a,b\n1,2\n":                   "the header is",
		goodHeader + goodRow + goodRow: "row 3: the epoch of the run is 1, want 2",
		goodHeader + strings.Replace(goodRow, "l4adam", "l5", 1):   `row 2: unknown solver "l5"`,
		goodHeader + strings.Replace(goodRow, "0.5", "NaN", 1):     "line 2: loss",
		goodHeader + strings.Replace(goodRow, "0.9", "1.1", 1):     "line 2: test_accuracy",
		goodHeader + strings.Replace(goodRow, ",1,1,", ",1,0,", 1): "line 2: epoch",
		goodHeader + strings.Replace(goodRow, "937", "x", 1):       "line 2: step",
	} {
		if _, err := ReadCSV(strings.NewReader(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// FuzzReadCSV: ReadCSV never panics, and its results can be drawn.
func FuzzReadCSV(f *testing.F) {
	f.Add(goodHeader + goodRow)
	f.Add(goodHeader + goodRow + strings.Replace(goodRow, ",1,1,", ",3,1,", 1))
	f.Add(goodHeader)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ReadCSV(strings.NewReader(text))
		if err != nil || len(c.runs) >= 100 {
			return
		}
		for _, row := range c.Panels(Steps, MeanLosses, LearnRates) {
			if len(row) != 2 {
				t.Errorf("%d panels", len(row))
			}
		}
	})
}
