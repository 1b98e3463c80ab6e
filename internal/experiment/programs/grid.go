package programs

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gridMoves is the number of moves: up, down, left and right.
const gridMoves = 4

// grid is the world of the agents: a square of fields with one goal and at most one pit.
type grid struct {
	side, goal, pit int // pit is -1 if the world does not have a pit
	// If sparse is set, only the goal gives a reward, episodes start in the first field, and
	// episodes end after limit moves in training, too.
	sparse bool
}

// newGrid returns a world of 16 fields with a random goal and a random pit.
func newGrid(r *rand.Rand) grid {
	g := grid{side: 4}
	g.goal = r.IntN(g.fields())
	g.pit = (g.goal + 1 + r.IntN(g.fields()-1)) % g.fields()
	return g
}

// sparseGrid returns a world without a pit, with the goal in the corner opposite the start.
func sparseGrid(side int) grid {
	return grid{side: side, goal: side*side - 1, pit: -1, sparse: true}
}

func (g grid) fields() int { return g.side * g.side }

// limit returns the number of moves after which an episode ends if it reaches neither the goal nor
// the pit.
func (g grid) limit() int { return 3 * g.side }

// move returns the next field, the reward, and whether the move ends the episode.
func (g grid) move(field, move int) (next int, reward float64, ended bool) {
	row, col := field/g.side, field%g.side
	switch move {
	case 0:
		row = max(0, row-1)
	case 1:
		row = min(g.side-1, row+1)
	case 2:
		col = max(0, col-1)
	case 3:
		col = min(g.side-1, col+1)
	}
	next = row*g.side + col
	switch {
	case next == g.goal:
		return next, 1, true
	case next == g.pit:
		return next, -1, true
	case g.sparse:
		return next, 0, false
	}
	return next, -0.05, false
}

// start returns the first field of an episode. It is neither the goal nor the pit.
func (g grid) start(r *rand.Rand) int {
	if g.sparse {
		return 0
	}
	for {
		if field := r.IntN(g.fields()); field != g.goal && field != g.pit {
			return field
		}
	}
}

// meanReturn returns the mean return of a policy over all fields in which an episode can start.
func (g grid) meanReturn(policy func(field int) int) float64 {
	sum, starts := 0.0, 0.0
	for field := range g.fields() {
		if field == g.goal || field == g.pit {
			continue
		}
		starts++
		ended := false
		for step := 0; step < g.limit() && !ended; step++ {
			var reward float64
			field, reward, ended = g.move(field, policy(field))
			sum += reward
		}
	}
	return sum / starts
}

// oneHots returns a table with the one-hot row of each given field.
func (g grid) oneHots(fields []int) table {
	t := table{cols: g.fields()}
	for _, f := range fields {
		t.data = append(t.data, oneHot(f, g.fields())...)
	}
	return t
}

// agent is a net from the fields of a world to moves. It has one graph that learns, and one graph
// that evaluates all fields at once.
type agent struct {
	world      grid
	learn, act *net
	x, out     *G.Node // nodes of learn
	actions    G.Value // output of act, with a row for each field
	actVM      G.VM
}

// head adds the last layer of a net.
type head func(n *net, h *G.Node, out int) *G.Node

func newAgent(r *rand.Rand, world grid, batch int, head head) *agent {
	layers := func(n *net, x *G.Node) *G.Node {
		h := G.Must(G.Rectify(n.dense(x, 24)))
		h = G.Must(G.Rectify(n.dense(h, 24)))
		return head(n, h, gridMoves)
	}
	a := &agent{world: world, learn: newNet(r, tensor.Float32), act: newNet(r, tensor.Float32)}
	a.x = a.learn.input("x", batch, world.fields())
	a.out = layers(a.learn, a.x)

	all := a.act.input("all", world.fields(), world.fields())
	G.Read(layers(a.act, all), &a.actions)
	a.act.share(a.learn.params)
	a.act.let(all, identity(world.fields()))
	a.actVM = G.NewTapeMachine(a.act.g)
	return a
}

// table returns the net's output for all fields.
func (a *agent) table() (table, error) {
	defer a.actVM.Reset()
	if err := a.actVM.RunAll(); err != nil {
		return table{}, err
	}
	return table{gridMoves, values(a.actions)}, nil
}

// score returns the mean return of the policy that takes the move with the largest output.
func (a *agent) score() (float64, error) {
	t, err := a.table()
	if err != nil {
		return 0, err
	}
	return a.world.meanReturn(func(field int) int { return floats.MaxIdx(t.row(field)) }), nil
}
