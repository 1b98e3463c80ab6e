// Package l4 provides solvers for Gorgonia that choose their own learning rate. They implement
//
//	M. Rolinek and G. Martius, "L4: Practical loss-based stepsize adaptation for deep learning",
//	NeurIPS 2018, arXiv:1802.05074.
//
// L4Adam follows Adam's direction, L4Mom the momentum, and L4 the direction of any other solver.
// Use one in place of gorgonia.NewAdamSolver, and give it the loss instead of a learning rate:
//
//	solver := l4.NewL4Adam(loss)
//	for ... {
//		machine.RunAll()
//		if err := solver.Step(gorgonia.NodesToValueGrads(weights)); err != nil {
//			...
//		}
//		machine.Reset()
//	}
//
// # The algorithm
//
// L4 treats the loss L as linear along the update direction v. A step goes a fraction α of the
// distance at which the loss would reach its estimated minimum:
//
//	η = α (L − γ·Lmin) / (gᵀv + ε)
//	w ← w − η·v
//
// g is the bias-corrected running average of the gradients. v is the same average in L4Mom, and
// Adam's direction in L4Adam. All parameters share one learning rate η.
//
// Lmin starts at γ0·L, drops to each new smallest loss, and grows by the factor 1+1/τ in each step.
// So it estimates a loss that can be reached soon. Options set all these numbers; their defaults
// are the paper's.
//
// # The bound
//
// With wrong labels, small batches or noise the loss cannot come near zero. The paper's rule then
// demands impossible progress: its steps grow until training fails. So by default the length of a
// step is bounded:
//
//	‖η·v‖ ≤ k·ρ/√(2τm−1) · r·min(1, r/P)
//
// r is the largest distance of the weights from their start, at first a tenth of their norm, and P
// is the length of their path. Noise makes the path long without moving the weights away, so steps
// become shorter. If the weights move in a straight line, r equals P and can grow exponentially. k
// is 3 while the average loss is at a new minimum, otherwise 1. WithBound sets ρ, and WithoutBound
// removes the bound. docs/bound.md explains the rule and reports its measurements.
//
// With the bound the loss may be negative: a loss below its floor lowers the floor. See
// WithLossFloor.
//
// # Limits
//
// The loss must be the one that the gradients are computed from. Step checks this if the loss and
// the weights are nodes of a graph. If the loss is nil, Step finds it.
//
// Do not use L4 if the loss does not measure progress, as in generative adversarial nets and policy
// gradients.
//
// # Errors
//
// A step is made completely or not at all. An error leaves the weights as they were, names the
// parameter, and says what to do; training can go on with the next batch. See ErrNonFinite,
// ErrNegativeLoss and ErrModelChanged.
//
// A program that ignores the error of Step still learns of it: slog.Default logs the first rejected
// step. WithLogger logs the first of each kind, or nothing if its logger discards everything.
// Info.Rejected counts rejected steps.
//
// # Determinism
//
// The same losses and gradients give the same bits on any number of cores, with or without
// assembly. A step allocates no memory after the first one.
package l4
