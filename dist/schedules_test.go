package dist_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/l4-go/l4"
	"github.com/l4-go/l4/dist"
)

// schedule is a training run with faults, made from a seed.
type schedule struct {
	ranks, steps int
	starts       bool // all ranks call Start; otherwise they begin with equal weights
	checkEvery   int
	faults       []fault
	behaviours   []behaviour // by rank
}

// fault is a fault of one rank before one of its steps.
type fault struct {
	kind       string
	rank, step int
}

var faultKinds = []string{
	"failed call", "failed barrier", "other call", "panic", "NaN", "no batch", "shape", "dtype",
	"order", "fewer steps", "early Finalize", "Stop", "divergence",
}

const planned = "a fault" // the value of a planned panic

// behaviour is what a rank does after an error and at its end.
type behaviour struct {
	goesOn bool // it continues after an error
	agrees bool // it calls Agree before it returns
}

func newSchedule(seed uint64) schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	yes := func() bool { return r.IntN(2) == 0 }
	s := schedule{ranks: 2 + r.IntN(3), steps: 2 + r.IntN(5), starts: yes(), checkEvery: 1}
	if yes() {
		s.checkEvery = 100
	}
	step := r.IntN(s.steps)
	for range 1 + r.IntN(3) {
		f := fault{faultKinds[r.IntN(len(faultKinds))], r.IntN(s.ranks), step}
		if yes() { // in another step than the other faults
			f.step = r.IntN(s.steps)
		}
		if f.kind == "divergence" && s.checkEvery > 1 {
			f.step = 0 // the first step compares the weights
		}
		s.faults = append(s.faults, f)
	}
	for range s.ranks {
		s.behaviours = append(s.behaviours, behaviour{goesOn: yes(), agrees: yes()})
	}
	return s
}

// participant is one rank of a schedule.
type participant struct {
	behaviour
	*trainer
	world     *dist.World
	finalized bool
	heard     []error     // errors of collective calls
	weights   [][]float64 // after each successful step
}

// TestSchedules makes random training runs with faults. It checks that no rank hangs, that an error
// on one rank is an error on all ranks, and that all ranks make the same steps.
func TestSchedules(t *testing.T) {
	sentinels := map[error]int{
		dist.ErrLeft: 0, dist.ErrMismatch: 0, dist.ErrDiverged: 0, l4.ErrNonFinite: 0,
	}
	for seed := range uint64(1000) {
		s := newSchedule(seed)
		participants := make([]*participant, s.ranks)
		each(t, s.ranks, func(w *dist.World) error {
			p := &participant{behaviour: s.behaviours[w.Rank()], world: w}
			participants[w.Rank()] = p
			p.run(s)
			return nil
		})
		if err := compare(participants); err != nil {
			t.Errorf("seed %d, %+v: %v", seed, s, err)
		}
		for sentinel := range sentinels {
			isSentinel := func(err error) bool { return errors.Is(err, sentinel) }
			if slices.ContainsFunc(participants[0].heard, isSentinel) {
				sentinels[sentinel]++
			}
		}
	}
	for sentinel, n := range sentinels {
		if n < 50 {
			t.Errorf("%d schedules have the error %q, want at least 50", n, sentinel)
		}
	}
}

// compare returns an error if a rank hangs, or if the errors or the steps of two ranks differ.
func compare(participants []*participant) error {
	first := participants[0]
	for rank, p := range participants {
		for _, err := range p.heard {
			if strings.Contains(err.Error(), "aborted") {
				return fmt.Errorf("rank %d hangs: %v", rank, p.heard)
			}
		}
		if (len(p.heard) > 0) != (len(first.heard) > 0) {
			return fmt.Errorf("the errors of rank 0 are %v, and of rank %d %v", first.heard, rank,
				p.heard)
		}
		if !slices.EqualFunc(p.weights, first.weights, slices.Equal) {
			return fmt.Errorf("ranks 0 and %d have made %d and %d steps, or their steps differ",
				rank, len(first.weights), len(p.weights))
		}
	}
	return nil
}

// run trains as one rank.
func (p *participant) run(s schedule) {
	defer p.finalize()
	defer func() {
		if r := recover(); r != nil && r != planned {
			panic(r)
		}
	}()
	rank, start := p.world.Rank(), 1.0
	if s.starts {
		start = float64(rank)
	}
	p.trainer = newTrainer(p.world, start)
	p.batches.CheckEvery = s.checkEvery
	if s.starts && !p.hear(p.world.Start(p.solver, p.toy.model())) {
		return
	}
	for step := 0; step < s.steps && !p.world.Stopped(); step++ {
		loss, model, barrier := p.toy.run(step*s.ranks+rank), p.toy.model(), error(nil)
		for _, f := range s.faults {
			if f.rank != rank || f.step != step {
				continue
			}
			switch f.kind {
			case "failed barrier":
				barrier = errors.New("a fault")
			case "fewer steps":
				return
			default:
				if loss, model = p.commit(f.kind, loss, model); !p.goesOn && len(p.heard) > 0 {
					return
				}
			}
		}
		if step%2 == 1 && !p.hear(p.world.Agree(barrier)) {
			return
		}
		if !p.step(loss, model) {
			return
		}
	}
	if p.agrees {
		p.hear(p.world.Agree(nil))
	}
}

// step makes a step, and calls Start after ErrDiverged. It returns false if the rank leaves.
func (p *participant) step(loss gorgonia.Valuer, model []gorgonia.ValueGrad) bool {
	if model != nil {
		if err := p.batches.Add(loss, model); err != nil && !p.goesOn {
			return false
		}
	}
	err := p.solver.Step(p.batches.Model())
	if err == nil {
		p.weights = append(p.weights, p.toy.numbers())
		return true
	}
	goesOn := p.hear(err)
	if goesOn && errors.Is(err, dist.ErrDiverged) {
		return p.hear(p.world.Start(p.solver, p.toy.model()))
	}
	return goesOn
}

// hear records an error of a collective call. It returns false if the rank leaves.
func (p *participant) hear(err error) bool {
	if err == nil {
		return true
	}
	if !p.finalized {
		p.heard = append(p.heard, err)
	}
	return p.goesOn
}

func (p *participant) finalize() {
	p.hear(p.world.Finalize())
	p.finalized = true
}

// commit commits a fault and returns the batch that the rank adds after it.
func (p *participant) commit(
	kind string, loss gorgonia.Valuer, model []gorgonia.ValueGrad,
) (gorgonia.Valuer, []gorgonia.ValueGrad) {
	switch kind {
	case "failed call":
		p.hear(p.world.Agree(errors.New("a fault")))
	case "other call":
		_, err := p.world.Broadcast([]byte("b"))
		p.hear(err)
	case "panic":
		panic(planned)
	case "NaN":
		p.toy.vector.g.Data().([]float64)[1] = math.NaN()
	case "no batch":
		model = nil
	case "shape":
		size := tensor.WithShape(8)
		other := &param{"vector", tensor.New(size, tensor.Of(tensor.Float64)),
			tensor.New(size, tensor.Of(tensor.Float64))}
		model = []gorgonia.ValueGrad{p.toy.matrix, other, p.toy.scalar}
	case "dtype":
		other := &param{"scalar", gorgonia.NewF32(1), gorgonia.NewF32(0)}
		model = []gorgonia.ValueGrad{p.toy.matrix, p.toy.vector, other}
	case "order":
		model = []gorgonia.ValueGrad{p.toy.vector, p.toy.matrix, p.toy.scalar}
	case "early Finalize":
		p.finalize()
	case "Stop":
		p.world.Stop()
	case "divergence":
		p.toy.matrix.w.Data().([]float32)[3] += 1e-6
	}
	return loss, model
}
