// Package nn has losses for Gorgonia graphs that are right where Gorgonia's own operations are not.
//
// Gorgonia's SoftMax and LogSoftMax shift all rows of a batch by the maximum of the first, so that
// a large logit in another row gives NaN or Inf. A loss composed of them also rounds to zero or
// below it once the net is certain, while L4 steps by the loss. SoftmaxCrossEntropy takes the
// logits instead:
//
//	loss, err := nn.SoftmaxCrossEntropy(logits, targets)
//	...
//	gorgonia.Grad(loss, weights...)
//	solver := l4.NewL4Adam(loss)
//
// Nodes work with the tape machine and with the Lisp machine. A node owns the memory of its value
// and of its gradient and writes to it in each run, so nothing is allocated after the first. Nodes
// of one graph, and of clones of it, can not run at the same time.
package nn
