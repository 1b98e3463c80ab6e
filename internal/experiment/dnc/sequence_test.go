package dnc

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLoad: Load writes the inputs and targets of each step, for a batch of a long and a short
// sequence, and overwrites the previous batch.
func TestLoad(t *testing.T) {
	sequences := []Sequence{
		{words: [2]int{0b0101, 0b1100}, length: 2, repeats: 2},
		{words: [2]int{0b1000}, length: 1, repeats: 1},
	}
	s := RepeatCopy(len(sequences))
	inputs := slices.Repeat([]float32{7}, s.Steps*s.Batch*s.Inputs)
	targets := slices.Repeat([]float32{7}, s.Steps*s.Batch*s.Outputs)
	mask := slices.Repeat([]float32{7}, s.Steps*s.Batch)
	Load(sequences, inputs, targets, mask)
	if want := []float32{
		0, 0, 0, 0, 1, 0 /**/, 0, 0, 0, 0, 1, 0,
		0, 1, 0, 1, 0, 0 /**/, 1, 0, 0, 0, 0, 0,
		1, 1, 0, 0, 0, 0 /**/, 0, 0, 0, 0, 0, 0.1,
		0, 0, 0, 0, 0, 0.2,
	}; !slices.Equal(inputs[:len(want)], want) || slices.Max(inputs[len(want):]) != 0 {
		t.Errorf("inputs %v", inputs)
	}
	if want := []float32{
		0, 0, 0, 0, 0 /**/, 1, 0, 0, 0, 0,
		0, 1, 0, 1, 0 /**/, 0, 0, 0, 0, 1,
		1, 1, 0, 0, 0 /**/, 0, 0, 0, 0, 0,
		0, 1, 0, 1, 0 /**/, 0, 0, 0, 0, 0,
		1, 1, 0, 0, 0 /**/, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 1 /**/, 0, 0, 0, 0, 0,
	}; slices.Max(targets[:30]) != 0 || !slices.Equal(targets[30:], want) {
		t.Errorf("targets %v", targets)
	}
	if want := []float32{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0}; !slices.Equal(mask,
		want) {
		t.Errorf("mask %v", mask)
	}
}

// TestAnswers: logits with the targets' bits are right. One wrong bit, also in the end mark, makes
// a sequence wrong. Outputs before and after the answer do not count.
func TestAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sequences := make([]Sequence, 20)
	for i := range sequences {
		sequences[i] = Draw(r)
	}
	s := RepeatCopy(len(sequences))
	inputs, mask := make([]float64, s.Steps*s.Batch*s.Inputs), make([]float64, s.Steps*s.Batch)
	targets := make([]float64, s.Steps*s.Batch*s.Outputs)
	Load(sequences, inputs, targets, mask)
	logits := make([]float64, len(targets))
	for i, y := range targets {
		logits[i] = 2*y - 1
	}
	check := func(what string, wrong int) {
		t.Helper()
		for b, a := range Answers(sequences, logits) {
			if a.Right() != (b != wrong) {
				t.Errorf("%s: sequence %d is right: %v", what, b, a.Right())
			}
		}
	}
	check("the targets", -1)
	for i := range logits {
		wrong := -1
		if mask[i/s.Outputs] == 1 {
			wrong = i / s.Outputs % s.Batch
		}
		logits[i] = -logits[i]
		check("one bit", wrong)
		logits[i] = -logits[i]
	}
}

func TestAnswerString(t *testing.T) {
	s := Sequence{words: [2]int{0b0101}, length: 1, repeats: 2}
	a := Answer{s, []int{0b0101, end, end | 0b0010}}
	want := "pattern  0101, 2 times\ntarget   0101 0101 end\nanswer   0101 end 0010+end\n"
	if got := a.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestDraw: Draw returns all lengths, numbers of repeats and words.
func TestDraw(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[Sequence]bool{}
	for range 20_000 {
		seen[Draw(r)] = true
	}
	if want := 2 * (16 + 16*16); len(seen) != want {
		t.Errorf("%d sequences, want %d", len(seen), want)
	}
}
