package programs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4/internal/experiment/compare"
)

var charRNNSum = Program{
	Name: "char-rnn-sum", Title: "Character RNN with one graph per word length, summed loss",
	Author: charRNNAuthor, Metric: charRNNMetric, Steps: 2500,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return newCharRNN(r, newSolver, func(_ *net, losses G.Nodes) *G.Node {
			return G.Must(G.ReduceAdd(losses))
		})
	},
}

var charRNNMean = Program{
	Name: "char-rnn-mean", Title: "Character RNN with one graph per word length, mean loss",
	Author: charRNNAuthor, Metric: charRNNMetric, Steps: 2500,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return newCharRNN(r, newSolver, func(n *net, losses G.Nodes) *G.Node {
			return G.Must(G.Div(G.Must(G.ReduceAdd(losses)), n.constant(float64(len(losses)))))
		})
	},
}

var charRNNAuthor = Author{"RMSProp 0.01, L2 1e-6, clip 5", func() G.Solver {
	return G.NewRMSPropSolver(G.WithLearnRate(0.01), G.WithL2Reg(1e-6), G.WithClip(5))
}}

var charRNNMetric = Metric{Name: "perplexity", Good: 2.6}

// words are the words that the character RNN learns. Each word gets a blank at both ends.
var words = strings.Fields(`january february march april may june
july august september october november december
monday tuesday wednesday thursday friday saturday sunday
mercury venus earth mars jupiter saturn uranus neptune
red orange yellow green blue violet brown black white grey`)

const letters = " abcdefghijklmnopqrstuvwxyz"

// A reduction combines the letters' losses into one.
type reduction func(n *net, losses G.Nodes) *G.Node

// sentence is the graph for words of one length.
type sentence struct {
	*net
	in, out G.Nodes // one node of shape (1, letters) for each letter
	loss    *G.Node
	nats    G.Value // the sum of the letters' losses
	vm      G.VM
}

// newSentence builds the graph that predicts length letters. If weights is nil, newSentence draws
// new weights. Otherwise the graph shares the given weights with another graph.
func newSentence(r *rand.Rand, weights []G.Value, length int, reduce reduction) *sentence {
	const hidden = 24
	s := &sentence{net: newNet(r, tensor.Float32)}
	param := func(init G.InitWFn, rows, cols int) *G.Node {
		w := s.param(init, rows, cols)
		if weights != nil {
			G.Let(w, weights[len(s.params)-1])
		}
		return w
	}
	wx, wh := param(glorot(r), len(letters), hidden), param(glorot(r), hidden, hidden)
	b := param(G.Zeroes(), 1, hidden)
	wy, by := param(glorot(r), hidden, len(letters)), param(G.Zeroes(), 1, len(letters))

	h := s.input("h", 1, hidden)
	var losses G.Nodes
	for t := range length {
		in := s.input(fmt.Sprint("in", t), 1, len(letters))
		out := s.input(fmt.Sprint("out", t), 1, len(letters))
		s.in, s.out = append(s.in, in), append(s.out, out)
		sum := G.Must(G.Add(G.Must(G.Mul(in, wx)), G.Must(G.Mul(h, wh))))
		h = G.Must(G.Tanh(G.Must(G.Add(sum, b))))
		p := G.Must(G.SoftMax(G.Must(G.Add(G.Must(G.Mul(h, wy)), by))))
		logs := G.Must(G.Neg(G.Must(G.Log(p))))
		losses = append(losses, G.Must(G.Sum(G.Must(G.HadamardProd(logs, out)))))
	}
	s.loss = reduce(s.net, losses)
	G.Read(G.Must(G.ReduceAdd(losses)), &s.nats)
	s.vm = s.machine(s.loss)
	return s
}

// load sets the inputs to a word of the graph's length.
func (s *sentence) load(word string) {
	letter := func(c byte) []float64 { return oneHot(strings.IndexByte(letters, c), len(letters)) }
	text := " " + word + " "
	for t := range s.in {
		s.let(s.in[t], letter(text[t]))
		s.let(s.out[t], letter(text[t+1]))
	}
}

func newCharRNN(r *rand.Rand, newSolver NewSolver, reduce reduction) Train {
	graphs := map[int]*sentence{}
	var weights []G.Value
	var solver G.Solver
	for _, word := range words {
		length := len(word) + 1
		if graphs[length] != nil {
			continue
		}
		s := newSentence(r, weights, length, reduce)
		graphs[length] = s
		if solver == nil {
			solver = newSolver(s.loss)
			for _, p := range s.params {
				weights = append(weights, p.Value())
			}
		}
	}
	return func(steps int) (float64, error) {
		defer func() {
			for _, s := range graphs {
				s.vm.Close()
			}
		}()
		for range steps {
			word := words[r.IntN(len(words))]
			s := graphs[len(word)+1]
			compare.SetLoss(solver, s.loss)
			if err := s.fit(s.vm, solver, 1, func() { s.load(word) }); err != nil {
				return 0, err
			}
		}
		nats, count := 0.0, 0
		for _, word := range words {
			s := graphs[len(word)+1]
			err := evaluate(s.vm, 1, func() { s.load(word) },
				func() { nats += values(s.nats)[0] })
			if err != nil {
				return 0, err
			}
			count += len(s.in)
		}
		return math.Exp(nats / float64(count)), nil
	}
}
