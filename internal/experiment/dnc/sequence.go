package dnc

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/l4-go/l4/internal/op"
)

// Sequence is a pattern to repeat. The inputs are a start mark, the words, and the number of
// repeats. After them the net must output the words that number of times, and then an end mark.
type Sequence struct {
	words   [maxLength]int
	length  int
	repeats int
}

const (
	bits       = 4 // of a word of the pattern
	maxLength  = 2 // words of a pattern
	maxRepeats = 2
)

// RepeatCopy returns the size of DeepMind's net for the task of repeating a pattern.
func RepeatCopy(batch int) Size {
	return Size{
		Steps: maxLength*(1+maxRepeats) + 3, Batch: batch, Inputs: bits + 2, Outputs: bits + 1,
		Hidden: 64, Slots: 16, Width: 16, Heads: 4,
	}
}

// Draw returns a random sequence.
func Draw(r *rand.Rand) Sequence {
	s := Sequence{length: 1 + r.IntN(maxLength), repeats: 1 + r.IntN(maxRepeats)}
	for i := range s.length {
		s.words[i] = r.IntN(1 << bits)
	}
	return s
}

// answer returns the first step of the answer.
func (s Sequence) answer() int { return s.length + 2 }

// spoken returns the number of steps of the answer, including the end mark.
func (s Sequence) spoken() int { return s.length*s.repeats + 1 }

// Load writes sequences to the inputs, the targets and the mask of a batch. The batch size is the
// number of sequences.
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

// end is the end mark as a word. It has one more bit than other words.
const end = 1 << bits

// target returns word i of the right answer.
func (s Sequence) target(i int) int {
	if i == s.length*s.repeats {
		return end
	}
	return s.words[i%s.length]
}

// setWord writes the bits of a word to to, highest bit first, and then the bit of the end mark if
// word is end.
func setWord[T op.Float](to []T, word int) {
	for i := range bits {
		to[i] = T(word >> (bits - 1 - i) & 1)
	}
	if word == end {
		to[bits] = 1
	}
}

// Answer is the answer of a net to a sequence.
type Answer struct {
	Sequence
	words []int
}

// Answers returns the answers of a net to the sequences of a batch. A bit is set if its logit is
// above 0.
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

// Len returns the number of words of the answer, including the end mark.
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

// show returns a word as bits, and the end mark as "end".
func show(word int) string {
	switch {
	case word == end:
		return "end"
	case word > end:
		return fmt.Sprintf("%0*b+end", bits, word-end)
	}
	return fmt.Sprintf("%0*b", bits, word)
}
