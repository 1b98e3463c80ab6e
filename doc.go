// Package l4 provides solvers for Gorgonia that choose their own learning rate. They implement
//
//	M. Rolinek and G. Martius, "L4: Practical loss-based stepsize adaptation for deep learning",
//	NeurIPS 2018, arXiv:1802.05074.
//
// There are three solvers. L4Adam steps in Adam's direction. L4Mom steps in the direction of the
// momentum, which is a running average of the gradients. The type L4 steps in the direction of
// another solver that you give it; see New. Use one of them in place of gorgonia.NewAdamSolver, and
// give it the loss instead of a learning rate:
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
// L4 estimates Lmin, the smallest loss that can be reached soon, and aims at the target γ·Lmin, a
// little below it. It treats the loss L as linear along the update direction v. In this linear
// model the loss reaches the target at a certain distance along −v. A step goes the fraction α of
// that distance:
//
//	η = α (L − γ·Lmin) / (gᵀv + ε)
//	w ← w − η·v
//
// g is the bias-corrected running average of the gradients. v is the same average in L4Mom, and
// Adam's direction in L4Adam. All parameters share one learning rate η.
//
// Lmin starts at γ0 times the first loss. Each step first lowers Lmin to the loss, if the loss is
// smaller. At the end of every step Lmin is multiplied by 1+1/τ, so that L4 forgets a batch whose
// loss was small by chance. ε avoids a division by zero.
//
// Each constant has an option. These defaults are the paper's: α = 0.15, γ = 0.9, γ0 = 0.75, τ =
// 1000 steps, and τm = 10 steps for the running average g. Two defaults differ from the paper's,
// except with WithoutBound: ε is 1e-20 (paper: 1e-12), and the other ε, in the denominator of
// Adam's direction, is 1e-8 (paper: 1e-4).
//
// # The bound
//
// With wrong labels, small batches or noise the loss cannot come near zero. The target is
// nevertheless at least a tenth below L, because γ is 0.9 and Lmin is at most L. Near the minimum
// the slope gᵀv vanishes, so the paper's steps grow until training fails. Therefore the length of a
// step is bounded by default:
//
//	‖η·v‖ ≤ k·ρ/√(2τm−1) · r·min(1, r/P)
//
// The reach r is the largest distance of the weights from their start w0 so far, and at least
// ‖w0‖/10. If w0 is 0, r is at least the distance at which the loss reaches its target in the
// linear model of the first step. P is the length of the path of the weights, but the solver
// reduces P when the average loss, a running average over τm steps, reaches a new minimum. Noise
// makes the path long without moving the weights away, so r/P falls and steps become shorter. If
// the weights move in a straight line, r/P stays near 1; then each step may be the same fraction of
// r, and r can grow exponentially. k is 3 while the average loss is at a new minimum, and otherwise
// 1. WithBound sets ρ, whose default is 0.12. WithoutBound removes the bound. docs/bound.md has the
// complete rule, its reasons and its measurements.
//
// L and Lmin are measured from a floor, which is 0 or the value of WithLossFloor. With the bound,
// if you did not set a floor and the loss falls below 0, the solver lowers the floor. If you set a
// floor, or with WithoutBound, a loss below the floor is an error: Step returns ErrNegativeLoss.
//
// # Limits
//
// The gradients must be the gradients of the loss. Step checks this if the loss and the weights are
// nodes of a graph, and otherwise cannot check it. If the loss is nil, Step looks for it in the
// graph of the weights.
//
// Do not use L4 if the loss does not measure progress, as in generative adversarial nets and policy
// gradients.
//
// A Solver must not be used by two goroutines at once. Its state can be saved and loaded with
// MarshalBinary and UnmarshalBinary; training then continues exactly, bit for bit. An Average holds
// averaged weights, which are usually more accurate than the last ones.
//
// # Errors
//
// A step is made completely or not at all. A step that returns an error is rejected: the weights
// stay as they were, and training can go on with the next batch. The error names the weight tensor
// that caused it, if one did, and says what to do. See ErrNonFinite, ErrNegativeLoss and
// ErrModelChanged.
//
// By default a solver logs only its first rejected step, whatever the error is. It logs to
// slog.Default, so that a user sees the error even if the program ignores it. With WithLogger your
// logger logs the first rejected step of each kind of error; a logger with slog.DiscardHandler logs
// nothing. Info.Rejected counts rejected steps.
//
// # Determinism
//
// The same losses and gradients give the same bits on any number of cores, with or without
// assembly. A step allocates no memory after the first one.
package l4
