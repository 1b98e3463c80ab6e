package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// The world of the two agents is a square of fields with one goal and one pit.
const (
	gridSide   = 4
	gridFields = gridSide * gridSide
	gridMoves  = 4
	// gridLimit ends an episode that reaches neither.
	gridLimit = 12
)

type grid struct{ goal, pit int }

func newGrid(r *rand.Rand) grid {
	g := grid{goal: r.IntN(gridFields)}
	g.pit = (g.goal + 1 + r.IntN(gridFields-1)) % gridFields
	return g
}

// move returns where a move leads, what it earns and whether it ends the episode.
func (g grid) move(field, move int) (next int, reward float64, ended bool) {
	row, col := field/gridSide, field%gridSide
	switch move {
	case 0:
		row = max(0, row-1)
	case 1:
		row = min(gridSide-1, row+1)
	case 2:
		col = max(0, col-1)
	case 3:
		col = min(gridSide-1, col+1)
	}
	next = row*gridSide + col
	switch next {
	case g.goal:
		return next, 1, true
	case g.pit:
		return next, -1, true
	}
	return next, -0.05, false
}

// start returns a field that is neither goal nor pit.
func (g grid) start(r *rand.Rand) int {
	for {
		if field := r.IntN(gridFields); field != g.goal && field != g.pit {
			return field
		}
	}
}

// meanReturn is what a policy earns on average over all fields to start from.
func (g grid) meanReturn(policy func(field int) int) float64 {
	sum, starts := 0.0, 0.0
	for field := range gridFields {
		if field == g.goal || field == g.pit {
			continue
		}
		starts++
		ended := false
		for step := 0; step < gridLimit && !ended; step++ {
			var reward float64
			field, reward, ended = g.move(field, policy(field))
			sum += reward
		}
	}
	return sum / starts
}

// oneHots holds a row for each field.
func oneHots(fields []int) table {
	t := table{cols: gridFields}
	for _, f := range fields {
		t.data = append(t.data, oneHot(f, gridFields)...)
	}
	return t
}

// agent is a net from fields to moves, in a graph that learns and one that acts on all fields at
// once.
type agent struct {
	learn, act *net
	x, out     *G.Node // of learn
	actions    G.Value // of act, a row a field
	actVM      G.VM
}

func newAgent(r *rand.Rand, batch int, head func(x *G.Node, axes ...int) (*G.Node, error)) *agent {
	layers := func(n *net, x *G.Node) *G.Node {
		h := G.Must(G.Rectify(n.dense(x, 24)))
		h = G.Must(G.Rectify(n.dense(h, 24)))
		return G.Must(head(n.dense(h, gridMoves)))
	}
	a := &agent{learn: newNet(r, tensor.Float32), act: newNet(r, tensor.Float32)}
	a.x = a.learn.input("x", batch, gridFields)
	a.out = layers(a.learn, a.x)

	all := a.act.input("all", gridFields, gridFields)
	G.Read(layers(a.act, all), &a.actions)
	for i, p := range a.act.params {
		G.Let(p, a.learn.params[i].Value())
	}
	fields := make([]int, gridFields)
	for i := range fields {
		fields[i] = i
	}
	a.act.let(all, oneHots(fields).data)
	a.actVM = G.NewTapeMachine(a.act.g)
	return a
}

// table returns the output of the net for all fields.
func (a *agent) table() (table, error) {
	defer a.actVM.Reset()
	if err := a.actVM.RunAll(); err != nil {
		return table{}, err
	}
	return table{gridMoves, values(a.actions)}, nil
}

// score is the mean return of the moves that the net likes best.
func (a *agent) score(world grid) (float64, error) {
	t, err := a.table()
	if err != nil {
		return 0, err
	}
	return world.meanReturn(func(field int) int { return floats.MaxIdx(t.row(field)) }), nil
}
