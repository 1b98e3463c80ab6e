package programs

// All lists the programs, grouped by kind. A new program is a variable like those and its name
// here.
var All = []Program{
	outliers, largeTargets, leastAbsolute, huber, relativeError, sine, gaussian,
	xor, logistic, clickRate,
	softLabels, logEpsilon, forgottenLog, squaredSoftMax, batchNorm, dropout, convnet,
	autoencoder, vae,
	charRNNSum, charRNNMean, lstm,
	skipGram, factorisation,
	qLearning, reinforce, gan,
}
