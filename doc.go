// Package l4 provides solvers for Gorgonia that choose their own learning rate: L4Adam, L4Mom, and L4 over any other
// solver, after
//
//	M. Rolinek and G. Martius, "L4: Practical loss-based stepsize adaptation for deep learning",
//	NeurIPS 2018, arXiv:1802.05074.
//
// Use one in place of gorgonia.NewAdamSolver, and give it the loss instead of a learning rate:
//
//	solver := l4.NewL4Adam(loss)
//	for ... {
//		machine.RunAll()
//		solver.Step(gorgonia.NodesToValueGrads(weights))
//		machine.Reset()
//	}
//
// # The algorithm
//
// L4 takes the loss L as linear along the update direction v and steps a fraction α of the way to where it
// would reach its estimated minimum:
//
//	η = α (L - γ·Lmin) / (gᵀv + ε)
//	w ← w - η·v
//
// g is the running average of the gradients, free of bias towards its initial zero. v is the same average
// (L4Mom), Adam's direction (L4Adam) or that of any other solver (L4). One η, a single number, serves all parameters.
//
// Lmin starts at γ0·L, is lowered to each new smallest loss, and grows by the factor 1+1/τ a step, so that it
// means a loss that is attainable soon. The defaults of all these numbers are those of the paper; see the
// options.
//
// # What it needs
//
// The loss must have a lower bound, zero unless WithLossFloor sets another. It should be able to come
// near that: where it cannot, as with many wrong labels, L4 may diverge, and small batches make that worse.
//
// A step happens as a whole or not at all. What it refuses, by an error that names the parameter, is listed
// at ErrNonFinite, ErrNegativeLoss and ErrModelChanged.
//
// Steps are deterministic: the same losses and gradients give the same bits, on any number of cores, with
// assembly or without.
package l4
