package dnc

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/l4-go/l4/internal/op"
)

// RepeatCopy returns the size of DeepMind's net for its task of repeating a pattern.
func RepeatCopy(batch int) Size {
	return Size{
		Steps: maxLength*(1+maxRepeats) + 3, Batch: batch, Inputs: bits + 2, Outputs: bits + 1,
		Hidden: 64, Slots: 16, Width: 16, Heads: 4,
	}
}

const (
	bits       = 4 // of a word of the pattern
	maxLength  = 2 // words of a pattern
	maxRepeats = 2
)

// Sequence is a pattern to repeat. The net sees a start mark, the words, and how often to say them;
// then it is to say them as often, and an end mark.
type Sequence struct {
	words   [maxLength]int
	length  int
	repeats int
}

// Draw returns a random sequence.
func Draw(r *rand.Rand) Sequence {
	s := Sequence{length: 1 + r.IntN(maxLength), repeats: 1 + r.IntN(maxRepeats)}
	for i := range s.length {
		s.words[i] = r.IntN(1 << bits)
	}
	return s
}

// answer is the step in which the net is to begin to speak.
func (s Sequence) answer() int { return s.length + 2 }

// spoken is the number of steps in which it speaks, with the end mark.
func (s Sequence) spoken() int { return s.length*s.repeats + 1 }

// Load writes sequences to the inputs, the targets and the mask of a batch, whose size is their
// number.
func Load[T op.Float](sequences []Sequence, inputs, targets, mask []T) {
	clear(inputs)
	clear(targets)
	clear(mask)
	n := len(sequences)
	for b, s := range sequences {
		input := func(step int) []T { return inputs[(step*n+b)*(bits+2):][:bits+2] }
		input(0)[bits] = 1
		for i := range s.length {
			setWord(input(1+i), s.words[i])
		}
		input(1 + s.length)[bits+1] = T(s.repeats) / 10
		for i := range s.spoken() {
			at := (s.answer()+i)*n + b
			mask[at] = 1
			setWord(targets[at*(bits+1):][:bits+1], s.target(i))
		}
	}
}

// end is the end mark as a word, which has a bit more than others.
const end = 1 << bits

// target returns the i-th word that the net is to say.
func (s Sequence) target(i int) int {
	if i == s.length*s.repeats {
		return end
	}
	return s.words[i%s.length]
}

// setWord sets as many bits of a word, the highest of its bits first, as there is room for.
func setWord[T op.Float](to []T, word int) {
	for i := range bits {
		to[i] = T(word >> (bits - 1 - i) & 1)
	}
	if word == end {
		to[bits] = 1
	}
}

// Answer is what a net says to a sequence.
type Answer struct {
	Sequence
	words []int
}

// Answers reads what a net says to the sequences of a batch: the bits whose logits are above 0.
func Answers[T op.Float](sequences []Sequence, logits []T) []Answer {
	var answers []Answer
	n := len(sequences)
	for b, s := range sequences {
		a := Answer{Sequence: s}
		for i := range s.spoken() {
			word := 0
			for k, x := range logits[((s.answer()+i)*n+b)*(bits+1):][:bits+1] {
				switch {
				case !(x > 0):
				case k < bits:
					word |= 1 << (bits - 1 - k)
				default:
					word |= end
				}
			}
			a.words = append(a.words, word)
		}
		answers = append(answers, a)
	}
	return answers
}

// Len is the number of words to say.
func (a Answer) Len() int { return len(a.words) }

// Right reports whether all bits are right.
func (a Answer) Right() bool {
	for i, word := range a.words {
		if word != a.target(i) {
			return false
		}
	}
	return true
}

// String shows the pattern, the target and the answer as bits.
func (a Answer) String() string {
	var pattern, target, answer []string
	for _, word := range a.Sequence.words[:a.length] {
		pattern = append(pattern, show(word))
	}
	for i, word := range a.words {
		target, answer = append(target, show(a.target(i))), append(answer, show(word))
	}
	return fmt.Sprintf("pattern  %s, %d times\ntarget   %s\nanswer   %s\n",
		strings.Join(pattern, " "), a.repeats, strings.Join(target, " "), strings.Join(answer, " "))
}

// show writes a word as bits, the end mark as "end".
func show(word int) string {
	switch {
	case word == end:
		return "end"
	case word > end:
		return fmt.Sprintf("%0*b+end", bits, word-end)
	}
	return fmt.Sprintf("%0*b", bits, word)
}
