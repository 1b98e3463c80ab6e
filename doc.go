// Package l4 provides solvers for Gorgonia that choose their own learning rate: L4Adam, L4Mom, and
// L4 over any other solver, after
//
//	M. Rolinek and G. Martius, "L4: Practical loss-based stepsize adaptation for deep learning",
//	NeurIPS 2018, arXiv:1802.05074.
//
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
// L4 takes the loss L as linear along the update direction v and steps a fraction α of the way to
// where it would reach its estimated minimum:
//
//	η = α (L − γ·Lmin) / (gᵀv + ε)
//	w ← w − η·v
//
// g is the bias-corrected running average of the gradients. v is the same average (L4Mom), Adam's
// direction (L4Adam) or the direction of any other solver (L4). All parameters share one η.
//
// Lmin starts at γ0·L, is lowered to each new smallest loss, and grows by the factor 1+1/τ a step,
// so it estimates a loss that is attainable soon. All these numbers default to the paper's values;
// see the options.
//
// # The bound
//
// Where the loss cannot come near its floor, as with wrong labels, small batches or noise, the
// paper's rule asks for progress that is impossible, and its steps grow until training fails. So by
// default the distance that the weights have come limits the length of a step:
//
//	‖η·v‖ ≤ k·ρ/√(2τm−1) · r·min(1, r/P)
//
// r is the largest distance of the weights from their start, at first a tenth of their norm, and P
// is the length of their path. In noise P outgrows r and steps become shorter. Where the weights go
// straight, P equals r, and r may grow exponentially. k is 3 while the average loss is at a new
// minimum, otherwise 1. WithBound sets ρ; WithoutBound gives the paper's algorithm. docs/bound.md
// has the reasons and the measurements. With the bound, a loss below zero lowers the floor instead
// of being an error; see WithLossFloor.
//
// # What it needs
//
// The solver must read the loss that its gradients are computed from. Where both are nodes of a
// graph, Step checks this, and finds the loss if it is given nil.
//
// Do not use L4 where the loss does not measure progress: generative adversarial nets and policy
// gradients.
//
// # Errors
//
// A step happens as a whole or not at all. An error names the parameter and says what to do; see
// ErrNonFinite, ErrNegativeLoss and ErrModelChanged. It leaves the weights as they were, and
// training can go on with the next batch. A program that calls Step as a statement does not see
// errors: slog.Default logs the first, WithLogger the first of each kind, and Info.Refused counts
// them. WithLogger(slog.New(slog.DiscardHandler)) logs nothing.
//
// Steps are deterministic: the same losses and gradients give the same bits, on any number of
// cores, with assembly or without.
package l4
