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
// g is the running average of the gradients, free of bias towards its initial zero. v is the same
// average (L4Mom), Adam's direction (L4Adam) or that of any other solver (L4). One η, a single
// number, serves all parameters.
//
// Lmin starts at γ0·L, is lowered to each new smallest loss, and grows by the factor 1+1/τ a step,
// so that it means a loss that is attainable soon. The defaults of all these numbers are those of
// the paper; see the options.
//
// # The bound
//
// Where the loss cannot come near its floor, as with wrong labels, small batches or noise, the
// paper's rule asks for progress that is not there, and its steps grow until training fails. So by
// default a step is no longer than what the weights have gained so far allows:
//
//	‖η·v‖ ≤ ρ/√(2τm−1) · r·min(1, r/P)
//
// r is the largest distance of the weights from their start, P the length of the path that they
// took. In noise P outgrows r and steps become shorter; where the weights go straight, P is r, and
// the reach may grow exponentially. WithBound sets ρ; WithoutBound is the paper's algorithm.
// docs/bound.md has the reasons and the measurements. With the bound a loss below zero is no error
// but lowers the floor; see WithLossFloor.
//
// # What it needs
//
// The loss that the solver reads must be the one whose gradients it is given. Where both are nodes
// of a graph, Step checks that.
//
// Do not use L4 where the loss does not measure progress: generative adversarial nets and policy
// gradients.
//
// # Errors
//
// A step happens as a whole or not at all. What Step refuses, by an error that names the parameter
// and says what to do, is listed at ErrNonFinite, ErrNegativeLoss and ErrModelChanged. After an
// error the weights are as they were, and training can go on with the next batch. A program that
// calls Step as a statement does not see errors: WithLogger logs the first of each kind, and
// Info.Refused counts them.
//
// Steps are deterministic: the same losses and gradients give the same bits, on any number of
// cores, with assembly or without.
package l4
