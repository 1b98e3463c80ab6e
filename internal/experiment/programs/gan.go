package programs

import (
	"math"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gan trains the generator and the discriminator with one solver each. The loss of each net changes
// while the other net learns.
var gan = Program{
	Name: "gan", Title: "GAN for the points of a parabola, with two solvers",
	Author: rmsProp(1e-3),
	Metric: Metric{Name: "energy distance", Good: 0.03},
	Steps:  4000, Elusive: true,
	New: newGAN,
}

func newGAN(r *rand.Rand, newSolver NewSolver) Train {
	const batch, latent = 16, 2
	discriminate := func(n *net, x *G.Node) *G.Node {
		return G.Must(G.Sigmoid(n.dense(G.Must(G.LeakyRelu(n.dense(x, 32), 0.2)), 1)))
	}
	d := newNet(r, tensor.Float64)
	x, isReal := d.input("x", 2*batch, 2), d.input("real", 2*batch, 1)
	loss := meanSquare(d, discriminate(d, x), isReal)
	vm, solver := d.machine(loss), newSolver(loss)

	// The generator's graph contains a copy of the discriminator that shares the discriminator's
	// weights. The generator's steps do not change these weights.
	gen := newNet(r, tensor.Float64)
	noise := gen.input("noise", batch, latent)
	points := gen.dense(G.Must(G.Rectify(gen.dense(noise, 32))), 2)
	var generated G.Value
	G.Read(points, &generated)
	generator := G.NewTapeMachine(gen.g)
	judge := &net{g: gen.g, dt: gen.dt, r: r, prefix: "judge "}
	want := gen.input("want", batch, 1)
	genLoss := meanSquare(gen, discriminate(judge, points), want)
	judge.share(d.params)
	genVM, genSolver := gen.machine(genLoss), newSolver(genLoss)

	ones, zeros := slices.Repeat([]float64{1}, batch), make([]float64, batch)
	gen.let(want, ones)
	d.let(isReal, slices.Concat(ones, zeros))
	draw := func() { gen.let(noise, normals(r, batch*latent, 1)) }
	fakePoints := func() ([]float64, error) {
		draw()
		defer generator.Reset()
		if err := generator.RunAll(); err != nil {
			return nil, err
		}
		return values(generated), nil
	}
	realPoints := func() (xs []float64) {
		for range batch {
			x := r.Float64() - 0.5
			xs = append(xs, x, x*x)
		}
		return xs
	}
	return func(steps int) (float64, error) {
		for _, m := range []G.VM{vm, generator, genVM} {
			defer m.Close()
		}
		for range steps {
			fake, err := fakePoints()
			if err != nil {
				return 0, err
			}
			mixed := func() { d.let(x, slices.Concat(realPoints(), fake)) }
			if err := d.fit(vm, solver, 1, mixed); err != nil {
				return 0, err
			}
			if err := gen.fit(genVM, genSolver, 1, draw); err != nil {
				return 0, err
			}
		}
		fake, real := table{cols: 2}, table{cols: 2}
		for range 16 {
			points, err := fakePoints()
			if err != nil {
				return 0, err
			}
			fake.data, real.data = append(fake.data, points...), append(real.data, realPoints()...)
		}
		return energyDistance(fake, real), nil
	}
}

// energyDistance returns 2·E|a-b| - E|a-a'| - E|b-b'| for two samples of points. It is 0 if the
// samples are equal, and grows with the difference between their distributions.
func energyDistance(a, b table) float64 {
	mean := func(a, b table) float64 {
		sum := 0.0
		for i := range a.rows() {
			for j := range b.rows() {
				p, q := a.row(i), b.row(j)
				sum += math.Hypot(p[0]-q[0], p[1]-q[1])
			}
		}
		return sum / float64(a.rows()*b.rows())
	}
	return 2*mean(a, b) - mean(a, a) - mean(b, b)
}
