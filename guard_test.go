package l4

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestGuardTrace compares the controller with an independent implementation of its rule, testdata/guard/trace.py.
func TestGuardTrace(t *testing.T) {
	data, err := os.ReadFile("testdata/guard/trace.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][8]float64
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	close := func(got, want float64) bool { return math.Abs(got-want) <= 1e-11*math.Abs(want) }
	g, lowest := new(guard), 1.0
	for i, r := range rows {
		progress, divisor := g.advance(i+1, r[0], r[1], r[2], r[3], r[4] != 0)
		if c := g.factor(); !close(progress, r[5]) || !close(divisor, r[6]) || !close(c, r[7]) {
			t.Fatalf("step %d: progress %v, divisor %v, c %v, want %v", i+1, progress, divisor, c, r[5:])
		}
		lowest = min(lowest, g.factor())
	}
	if len(rows) < 500 || lowest > 0.5 {
		t.Errorf("%d rows, smallest c %v: the trace shows too little", len(rows), lowest)
	}
}

// TestGuardBranches: what the guard does with an overshoot, an outlier, no gradient and no descent.
func TestGuardBranches(t *testing.T) {
	for name, c := range map[string]struct {
		loss, dot, ratio          float64
		idle                      bool
		wantProgress, wantDivisor float64
	}{
		"an ordinary step":  {1, 2, 1, false, 0.5, 2},
		"one overshoot":     {1, 2, -1, false, 0.5, 2},
		"outlier":           {1e9, 2, 1, false, 5.5, 2}, // 1 + 10 gaps of 0.5
		"no gradient":       {1, 2, 0, true, 0, 2},
		"orthogonal":        {1, 2, 0, false, 0.5, 2},
		"a larger gradient": {1e9, 6, 1, false, 15.5, 6},
		"no descent":        {1, -1, 1, false, 0, -1},
		"no inner product":  {1, 0, 1, false, 0, 0},
		"infinite product":  {1, math.Inf(1), 1, false, 0, math.Inf(1)},
		"a loss at its aim": {0.5, 2, 1, false, 0, 2},
	} {
		g := new(guard)
		if progress, divisor := g.advance(1, 1, 0.5, 2, 0, false); progress != 0.5 || divisor != 2 || g.factor() != 1 {
			t.Errorf("first step: progress %v, divisor %v, c %v", progress, divisor, g.factor())
		}
		if progress, divisor := g.advance(2, c.loss, 0.5, c.dot, c.ratio, c.idle); progress != c.wantProgress || divisor != c.wantDivisor {
			t.Errorf("%s: progress %v, divisor %v, want %v, %v", name, progress, divisor, c.wantProgress, c.wantDivisor)
		}
		if want := c.dot > 0 && !math.IsInf(c.dot, 1); (g.lastDot() > 0) != want {
			t.Errorf("%s: gᵀv %v kept for the next step", name, g.lastDot())
		}
	}
	progress, divisor := (*guard)(nil).advance(7, 3, 1, 5, -1, true)
	if progress != 2 || divisor != 5 || (*guard)(nil).factor() != 1 {
		t.Errorf("no guard: progress %v, divisor %v", progress, divisor)
	}
}

// TestGuardForgetsAndRecovers: overshooting without progress lowers c down to its limit, short steps raise it again, and
// after each gᵀv counts as no less than 0.95 of what it was.
func TestGuardForgetsAndRecovers(t *testing.T) {
	g := new(guard)
	step := 0
	run := func(n int, ratio float64) {
		for range n {
			step++
			g.advance(step, 1, 0.5, 1, ratio, false)
		}
	}
	run(1000, -1)
	if want := 1 / (1 + slowWeight*1000); math.Abs(g.factor()-want) > 1e-12 {
		t.Errorf("c %v after 1000 overshoots, want %v", g.factor(), want)
	}
	if _, divisor := g.advance(step+1, 1, 0.5, 1e-6, -1, false); divisor != holdKeep {
		t.Errorf("divisor %v after a drop of gᵀv, want %v", divisor, holdKeep)
	}
	run(30, 1)
	if g.factor() != 1 {
		t.Errorf("c %v after 30 steps that were too short", g.factor())
	}
}
