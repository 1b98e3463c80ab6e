package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	G "gorgonia.org/gorgonia"
)

// qLearning computes the targets from the net's own estimates for the next field. The estimates are
// frozen for a hundred steps at a time.
var qLearning = Program{
	Name: "q-learning", Title: "Deep Q-learning in a world of 16 fields, with a moving target",
	Author: adam(5e-4),
	Metric: Metric{Name: "mean return", Higher: true, Good: 0.8},
	Steps:  4000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return learnQ(r, newSolver, newGrid(r), (*net).dense)
	},
}

// rareReward starts without rewards: with the author's solver the agent reaches the goal for the
// first time after 170 to 3000 steps. Until then all targets and outputs are near 0. The author's
// solver reaches 1 from six seeds.
var rareReward = Program{
	Name: "rare-reward", Title: "Deep Q-learning in a world of 36 fields with only one reward",
	Author: adam(5e-4),
	Metric: Metric{Name: "mean return", Higher: true, Good: 0.8},
	Steps:  6000,
	New: func(r *rand.Rand, newSolver NewSolver) Train {
		return learnQ(r, newSolver, sparseGrid(6), (*net).quiet)
	},
}

// transition is a move with its outcome.
type transition struct {
	field, move, next int
	reward            float64
	ended             bool
}

// learnQ returns deep Q-learning with a replay memory and a frozen copy of the estimates.
func learnQ(r *rand.Rand, newSolver NewSolver, world grid, head head) Train {
	const batch, discount, memory, freeze, exploring = 20, 0.95, 1000, 100, 0.3
	a := newAgent(r, world, batch, head)
	target := a.learn.input("target", batch, gridMoves)
	chosen := a.learn.input("chosen", batch, gridMoves)
	difference := G.Must(G.HadamardProd(G.Must(G.Sub(a.out, target)), chosen))
	loss := G.Must(G.Mean(G.Must(G.Square(difference))))
	vm, solver := a.learn.machine(loss), newSolver(loss)

	return func(steps int) (float64, error) {
		defer vm.Close()
		defer a.actVM.Close()
		var replay []transition
		var frozen table
		field, moves := world.start(r), 0
		for step := range steps {
			now, err := a.table()
			if err != nil {
				return 0, err
			}
			if step%freeze == 0 {
				frozen = now
			}
			move := floats.MaxIdx(now.row(field))
			if r.Float64() < exploring {
				move = r.IntN(gridMoves)
			}
			t := transition{field: field, move: move}
			t.next, t.reward, t.ended = world.move(field, move)
			moves++
			if field = t.next; t.ended || world.sparse && moves == world.limit() {
				field, moves = world.start(r), 0
			}
			if replay = append(replay, t); len(replay) > memory {
				replay = replay[1:]
			}
			var fields []int
			targets, mask := table{cols: gridMoves}, table{cols: gridMoves}
			for _, i := range draw(r, batch, len(replay)) {
				t := replay[i]
				value := t.reward
				if !t.ended {
					value += discount * floats.Max(frozen.row(t.next))
				}
				fields = append(fields, t.field)
				hot := oneHot(t.move, gridMoves)
				mask.data = append(mask.data, hot...)
				for _, x := range hot {
					targets.data = append(targets.data, value*x)
				}
			}
			err = a.learn.fit(vm, solver, 1, func() {
				a.learn.let(a.x, world.oneHots(fields).data)
				a.learn.let(target, targets.data)
				a.learn.let(chosen, mask.data)
			})
			if err != nil {
				return 0, err
			}
		}
		return a.score()
	}
}

// reinforce has a loss whose sign is random, because the advantages have mean 0.
var reinforce = Program{
	Name: "reinforce", Title: "REINFORCE in a world of 16 fields",
	Author: adam(0.005),
	Metric: Metric{Name: "mean return", Higher: true, Good: 0.7},
	Steps:  600, Elusive: true,
	New: newReinforce,
}

func newReinforce(r *rand.Rand, newSolver NewSolver) Train {
	const batch, discount = 80, 0.95
	world := newGrid(r)
	a := newAgent(r, world, batch, func(n *net, h *G.Node, out int) *G.Node {
		return G.Must(G.SoftMax(n.dense(h, out)))
	})
	// Each row of weight has the advantage in the column of the chosen move, and zeros elsewhere.
	weight := a.learn.input("weight", batch, gridMoves)
	logs := G.Must(G.Log(a.out))
	loss := G.Must(G.Neg(G.Must(G.Mean(G.Must(G.Sum(G.Must(G.HadamardProd(logs, weight)), 1))))))
	vm, solver := a.learn.machine(loss), newSolver(loss)

	return func(steps int) (float64, error) {
		defer vm.Close()
		defer a.actVM.Close()
		for range steps {
			policy, err := a.table()
			if err != nil {
				return 0, err
			}
			fields, moves, returns := world.play(r, policy, batch, discount)
			mean, deviation := stat.MeanStdDev(returns, nil)
			weights := table{cols: gridMoves}
			for i, move := range moves {
				hot := oneHot(move, gridMoves)
				floats.Scale((returns[i]-mean)/(deviation+1e-8), hot)
				weights.data = append(weights.data, hot...)
			}
			err = a.learn.fit(vm, solver, 1, func() {
				a.learn.let(a.x, world.oneHots(fields).data)
				a.learn.let(weight, weights.data)
			})
			if err != nil {
				return 0, err
			}
		}
		return a.score()
	}
}

// play makes count moves in one episode after another. policy holds the probability of each move in
// each field. play returns the field, the move and the discounted return of each step.
func (g grid) play(r *rand.Rand, policy table, count int, discount float64) (
	fields, moves []int, returns []float64) {

	for len(moves) < count {
		field, ended, from := g.start(r), false, len(moves)
		for step := 0; step < g.limit() && !ended && len(moves) < count; step++ {
			move := choose(r, policy.row(field))
			fields, moves = append(fields, field), append(moves, move)
			var reward float64
			field, reward, ended = g.move(field, move)
			returns = append(returns, reward)
		}
		for i := len(moves) - 2; i >= from; i-- {
			returns[i] += discount * returns[i+1]
		}
	}
	return fields, moves, returns
}

// choose draws an index with the given probabilities.
func choose(r *rand.Rand, probabilities []float64) int {
	i, u := 0, r.Float64()
	for u -= probabilities[0]; u > 0 && i < len(probabilities)-1; u -= probabilities[i] {
		i++
	}
	return i
}
